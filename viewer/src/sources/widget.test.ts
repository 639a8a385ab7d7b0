import { expect, it, vi } from "vitest";
import { type Model, openWidget, SILENT } from "./widget";

type Callback = (content: unknown, buffers: DataView[]) => void;

/** A kernel that holds files, and answers the latest question first. */
class FakeModel implements Model {
  readonly set_: Record<string, unknown> = {};
  readonly callbacks = new Set<Callback>();
  readonly doubts = new Set<Callback>();
  isGone = false;
  constructor(private readonly files: Record<string, string>) {}
  get(): unknown {
    return undefined;
  }
  set(name: string, value: unknown): void {
    this.set_[name] = value;
  }
  save_changes(): void {
    this.set_["saved"] = true;
  }
  send(content: unknown): void {
    const { kind, id, file, start, end } = content as Record<string, number | string>;
    expect(kind).toBe("read");
    const text = this.files[String(file)];
    const pause = file === "slow" ? 20 : 0;
    setTimeout(() => {
      if (this.isGone) return;
      for (const callback of this.callbacks) {
        if (text === undefined) callback({ kind: "error", id, error: `no file ${file}` }, []);
        else {
          // As the kernel's messages come: a view into a larger buffer.
          const bytes = new TextEncoder().encode(
            `##${text.slice(Number(start), end === null ? undefined : Number(end))}`,
          );
          callback({ kind: "data", id }, [new DataView(bytes.buffer, 2)]);
        }
      }
    }, pause);
  }
  on(event: string, callback: Callback): void {
    (event === "msg:custom" ? this.callbacks : this.doubts).add(callback);
  }
  off(event: string, callback: Callback): void {
    (event === "msg:custom" ? this.callbacks : this.doubts).delete(callback);
  }
}

const manifest = JSON.stringify({ format: "featscape-bundle", version: 1 });
const text = (bytes: ArrayBuffer) => new TextDecoder().decode(bytes);

it("answers from the kernel may arrive in any order", async () => {
  const model = new FakeModel({ "manifest.json": manifest, slow: "0123456789", quick: "abc" });
  const source = await openWidget(model);
  const [slow, quick] = await Promise.all([source.read("slow", 2, 4), source.read("quick")]);
  expect([text(slow), text(quick)]).toEqual(["23", "abc"]);
  await expect(source.read("gone")).rejects.toThrow("no file gone");
  source.close();
  expect(model.callbacks.size + model.doubts.size).toBe(0);
});

it("the page reports when the kernel leaves and when it returns", async () => {
  const model = new FakeModel({ "manifest.json": manifest, quick: "abc" });
  const source = await openWidget(model);
  const calls: (string | null)[] = [];
  source.watch?.((trouble) => calls.push(trouble));
  vi.useFakeTimers();
  const doubt = () => {
    for (const callback of model.doubts) callback(undefined, []);
  };
  doubt(); // it is there
  await vi.advanceTimersByTimeAsync(10_000);
  expect(calls).toEqual([]);
  model.isGone = true;
  doubt();
  await vi.advanceTimersByTimeAsync(2000);
  expect(calls).toEqual([SILENT]);
  void source.read("quick");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(calls).toEqual([SILENT]);
  model.isGone = false;
  void source.read("quick");
  await vi.advanceTimersByTimeAsync(100);
  expect(calls).toEqual([SILENT, null]);
  source.close();
  vi.useRealTimers();
});

it("the selection is passed to Python", async () => {
  const model = new FakeModel({ "manifest.json": manifest });
  (await openWidget(model)).select?.(Uint32Array.of(4, 2));
  expect(model.set_).toEqual({ selected_ids: [4, 2], saved: true });
});

it("nothing listens after the manifest could not be read", async () => {
  const model = new FakeModel({});
  await expect(openWidget(model)).rejects.toThrow("no file manifest.json");
  expect(model.callbacks.size + model.doubts.size).toBe(0);
});
