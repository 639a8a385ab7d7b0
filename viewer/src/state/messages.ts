/** Messages on the page: errors, progress, and texts for screen readers. */
import { signal } from "@preact/signals";
import { errorText, SourceError } from "../sources/error";

const NOTE_MS = 5000;

export class Messages {
  /** What the viewer is doing, such as "Writing the table…"; null if nothing. */
  readonly progress = signal<string | null>(null);
  readonly error = signal<string | null>(null);
  /** Announced by screen readers. */
  readonly announcement = signal("");
  /** What was done, such as "Kept as birds (12)", for some seconds; null if nothing. */
  readonly note = signal<string | null>(null);
  private noteEnd: ReturnType<typeof setTimeout> | undefined;
  readonly contextLost = signal(false);

  announce(text: string): void {
    this.announcement.value = text;
  }

  /** Show what was done for some seconds. */
  done(text: string): void {
    clearTimeout(this.noteEnd);
    this.note.value = text;
    this.noteEnd = setTimeout(() => {
      this.note.value = null;
    }, NOTE_MS);
  }

  /** Await `work`. If it fails, show the error and return undefined. */
  async attempt<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      this.report(error);
      return undefined;
    }
  }

  /** As `attempt`, for work that ends at once. Returns false if the work fails. */
  attemptNow(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      this.report(error);
      return false;
    }
  }

  private report(error: unknown): void {
    if (!(error instanceof SourceError)) console.error(error);
    this.error.value = errorText(error);
  }

  /** Run `work` as `attempt` does, and show `progress` meanwhile. */
  async during(progress: string, work: () => Promise<void>): Promise<void> {
    this.progress.value = progress;
    await this.attempt(work());
    this.progress.value = null;
  }

  /**
   * Return a function that shows an error that may pass, and removes it if called with null. It
   * removes no other error.
   */
  temporaryError(): (message: string | null) => void {
    let shown: string | null = null;
    return (message) => {
      if (message !== null || this.error.value === shown) this.error.value = message;
      shown = message;
    };
  }
}
