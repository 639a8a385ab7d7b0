/** A notebook: bytes come from the kernel, and the selection goes back to it. */
import type { Source } from "../source";
import { SourceError } from "./error";
import { parseManifest } from "./manifest";

/** What the viewer uses of anywidget's model. */
export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown): void;
  on(event: "msg:custom", callback: (content: unknown, buffers: DataView[]) => void): void;
  off(event: "msg:custom", callback: (content: unknown, buffers: DataView[]) => void): void;
}

/** The kernel's answer: the bytes as the first buffer, or why there are none. */
interface Answer {
  readonly kind: "data" | "error";
  readonly id: number;
  readonly error?: string;
}

interface Waiting {
  resolve(bytes: ArrayBuffer): void;
  reject(error: SourceError): void;
}

export interface WidgetSource extends Source {
  close(): void;
}

export async function openWidget(model: Model): Promise<WidgetSource> {
  const waiting = new Map<number, Waiting>();
  // Several views may stand on one model, and each hears all answers: the ids must differ.
  let nextId = Math.floor(Math.random() * 2 ** 45);

  function answered(content: unknown, buffers: DataView[]): void {
    const { kind, id, error } = content as Answer;
    const asked = waiting.get(id);
    if (!asked) return;
    waiting.delete(id);
    const [view] = buffers;
    if (kind === "data" && view) {
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      asked.resolve(bytes.slice().buffer as ArrayBuffer);
    } else {
      asked.reject(new SourceError(error ?? "The kernel sent no data."));
    }
  }
  model.on("msg:custom", answered);

  function read(file: string, start?: number, end?: number): Promise<ArrayBuffer> {
    const id = nextId++;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      model.send({ kind: "read", id, file, start: start ?? 0, end: end ?? null });
    });
  }

  return {
    manifest: parseManifest(await read("manifest.json")),
    abilities: { originals: false, search: false, zip: false, place: false },
    notice: null,
    read,
    select(ids) {
      model.set("selected_ids", Array.from(ids));
      model.save_changes();
    },
    close: () => model.off("msg:custom", answered),
  };
}
