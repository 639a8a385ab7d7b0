/** A notebook: bytes come from the kernel, and the selection is sent to the kernel. */
import {
  type Abilities,
  MANIFEST,
  type Manifest,
  type ReadAnswer,
  type ReadRequest,
} from "../contract";
import type { Source } from "../source";
import { SourceError } from "./error";
import { parseManifest } from "./manifest";

type Heard = (content: unknown, buffers: DataView[]) => void;

/** What the viewer uses of anywidget's model. `comm_live_update`: the kernel comes or goes. */
export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown): void;
  on(event: "msg:custom" | "comm_live_update", callback: Heard): void;
  off(event: "msg:custom" | "comm_live_update", callback: Heard): void;
}

interface Waiting {
  resolve(bytes: ArrayBuffer): void;
  reject(error: SourceError): void;
  readonly silent: ReturnType<typeof setTimeout>;
}

export interface WidgetSource extends Source {
  close(): void;
}

// Time without an answer after which the kernel counts as silent: for reads, which wait while a cell
// runs, and for the check after the kernel seems to have gone.
const SILENT_MS = 8000;
const GONE_MS = 1500;
const NOTHING: Abilities = {
  ...{ originals: false, search: false, content: false },
  ...{ zip: 0, place: false, no_place: null },
};
export const SILENT =
  "The kernel does not answer. If a cell is running, the map waits for it; if the kernel was restarted, run this cell again.";

export async function openWidget(model: Model): Promise<WidgetSource> {
  const waiting = new Map<number, Waiting>();
  // Several views can share one model, and each receives all answers, so the ids must differ.
  let nextId = Math.floor(Math.random() * 2 ** 45);
  let isSilent = false;
  let report: (trouble: string | null) => void = () => {};

  function setSilent(silent: boolean): void {
    if (silent !== isSilent) report(silent ? SILENT : null);
    isSilent = silent;
  }

  function answered(content: unknown, buffers: DataView[]): void {
    const { kind, id, error } = content as ReadAnswer;
    const asked = waiting.get(id);
    if (!asked) return;
    waiting.delete(id);
    clearTimeout(asked.silent);
    setSilent(false);
    const [view] = buffers;
    if (kind === "data" && view) {
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      asked.resolve(bytes.slice().buffer as ArrayBuffer);
    } else {
      asked.reject(new SourceError(error ?? "The kernel sent no data. Run this cell again."));
    }
  }

  function ask(file: string, start: number, end: number | null, patienceMs: number) {
    const id = nextId++;
    return new Promise<ArrayBuffer>((resolve, reject) => {
      const silent = setTimeout(() => setSilent(true), patienceMs);
      waiting.set(id, { resolve, reject, silent });
      const asked: ReadRequest = { kind: "read", id, file, start, end };
      model.send(asked);
    });
  }

  /** Ask the kernel: not every frontend reports its end, and a reported end may be wrong. */
  function doubted(): void {
    ask(MANIFEST, 0, 0, GONE_MS).catch(() => {}); // an error also shows that the kernel answers
  }

  function close(): void {
    model.off("msg:custom", answered);
    model.off("comm_live_update", doubted);
    for (const { silent } of waiting.values()) clearTimeout(silent);
  }

  model.on("msg:custom", answered);
  model.on("comm_live_update", doubted);
  const read: Source["read"] = (file, start = 0, end) => ask(file, start, end ?? null, SILENT_MS);
  let manifest: Manifest;
  try {
    manifest = parseManifest(await read(MANIFEST));
  } catch (error) {
    close();
    throw error;
  }
  return {
    manifest,
    abilities: NOTHING,
    notice: null,
    read,
    select(ids) {
      model.set("selected_ids", Array.from(ids));
      model.save_changes();
    },
    watch(listener) {
      report = listener;
    },
    close,
  };
}
