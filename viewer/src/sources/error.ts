/** A failure to read, as one sentence that a person can act on. */
export class SourceError extends Error {
  override readonly name = "SourceError";
}

/** The server does not answer now; a later request may succeed. */
export class NoAnswerError extends SourceError {}
