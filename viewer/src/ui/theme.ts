/** Whether the page around the map is dark, by the system's setting or the notebook's theme. */
import { type ReadonlySignal, signal } from "@preact/signals";
import { on } from "../events";

export interface ThemeWatch {
  readonly prefersDark: ReadonlySignal<boolean>;
  stop(): void;
}

/** The theme that JupyterLab and VS Code set on the body; undefined elsewhere. */
function notebookIsDark(): boolean | undefined {
  const { body } = document;
  const light = body.dataset["jpThemeLight"];
  if (light !== undefined) return light === "false";
  if (body.dataset["vscodeThemeKind"]) return !body.dataset["vscodeThemeKind"].includes("light");
  return undefined;
}

export function watchTheme(embedded: boolean): ThemeWatch {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const read = () => (embedded ? notebookIsDark() : undefined) ?? system.matches;
  const prefersDark = signal(read());
  const changed = () => {
    prefersDark.value = read();
  };
  const observer = new MutationObserver(changed);
  observer.observe(document.body, { attributes: true });
  const stop = on(system, "change", changed);
  return {
    prefersDark,
    stop() {
      observer.disconnect();
      stop();
    },
  };
}
