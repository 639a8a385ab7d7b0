import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { App } from "../state/app";

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error("useApp must be called inside the viewer");
  return app;
}

/** A number of shown items: "18 of 400", or "400" if all are shown. */
export function shownText(shown: number, total: number): string {
  const all = total.toLocaleString("en-US");
  return shown === total ? all : `${shown.toLocaleString("en-US")} of ${all}`;
}

export function count(value: number, one: string, many = `${one}s`): string {
  return `${value.toLocaleString("en-US")} ${value === 1 ? one : many}`;
}
