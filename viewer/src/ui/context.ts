import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { App } from "../state/app";
import { countText } from "../state/wording/words";

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error("useApp must be called inside the viewer");
  return app;
}

/** A number of shown items: "18 of 400", or "400" if all are shown. */
export function shownText(shown: number, total: number): string {
  const all = countText(total);
  return shown === total ? all : `${countText(shown)} of ${all}`;
}

export function count(value: number, one: string, many = `${one}s`): string {
  return `${countText(value)} ${value === 1 ? one : many}`;
}
