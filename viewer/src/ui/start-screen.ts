/** The screens before the map is loaded and after a failure. */
import { errorText, SourceError } from "../sources/error";

function element(tag: string, className: string, text = ""): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

export interface StartScreen {
  progress(share: number): void;
  remove(): void;
}

export function showLoading(root: HTMLElement, title: string): StartScreen {
  const screen = element("div", "fs-start");
  screen.setAttribute("role", "status");
  const heading = element("p", "fs-start-title", title);
  heading.dir = "auto";
  const bar = document.createElement("progress");
  bar.className = "fs-progress";
  bar.max = 1;
  bar.setAttribute("aria-label", "Loading the map");
  screen.append(heading, bar);
  root.append(screen);
  return {
    progress: (share) => {
      bar.value = Math.min(share, 1);
    },
    remove: () => screen.remove(),
  };
}

export interface WaysOn {
  /** The map has the page for itself, so reloading the page may help. */
  readonly reloads?: boolean;
  /** The static picture that the page contains. */
  readonly picture?: string | null;
}

/** Show an error, with a button to reload or a static picture where possible. */
export function showFailure(
  root: HTMLElement,
  error: unknown,
  { reloads = false, picture = null }: WaysOn = {},
): void {
  console.error(error);
  const screen = element("div", "fs-start fs-failure");
  const message = errorText(error);
  const text = element("p", "fs-failure-text", message);
  text.setAttribute("role", "alert");
  screen.append(text);
  if (reloads && error instanceof SourceError) {
    const again = element("button", "fs-button fs-button-text", "Try again");
    again.addEventListener("click", () => window.location.reload());
    screen.append(again);
  }
  if (picture) {
    const image = document.createElement("img");
    image.src = picture;
    image.alt = "The map as a picture";
    image.addEventListener("error", () => image.remove());
    screen.append(image);
  }
  root.append(screen);
}

/** The static picture that a page contains for browsers that cannot draw the map. */
export function staticPicture(): string | null {
  const held = document.getElementById("featscape-static");
  return held instanceof HTMLImageElement ? held.src : null;
}
