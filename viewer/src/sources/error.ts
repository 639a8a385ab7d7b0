/** What went wrong in reading, in one sentence that a person can act on. */
export class SourceError extends Error {
  override readonly name = "SourceError";
}

/** Nothing answers for now; asked again later, it may. */
export class NoAnswerError extends SourceError {}
