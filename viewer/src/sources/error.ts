/** A failure to read, as one sentence that a person can act on. */
export class SourceError extends Error {
  override readonly name = "SourceError";
}

/** The message of whatever was thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The server does not answer now; a later request may succeed. */
export class NoAnswerError extends SourceError {}
