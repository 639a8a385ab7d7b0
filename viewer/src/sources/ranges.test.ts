import { afterEach, describe, expect, it, vi } from "vitest";
import { NoAnswerError } from "./error";
import { RangeReader } from "./ranges";

const CONTENT = "0123456789";

/** A server of one file; `knowsRanges` or answers 200 with the whole, as simple servers do. */
function serve(knowsRanges: boolean, content = CONTENT) {
  return vi.fn(async (_url: string, init: RequestInit = {}) => {
    const range = new Headers(init.headers).get("Range");
    const [, from, to] = /bytes=(\d+)-(\d*)/.exec(range ?? "") ?? [];
    if (!range || !knowsRanges) return new Response(content);
    if (Number(from) >= content.length) return new Response("", { status: 416 });
    const part = content.slice(Number(from), to ? Number(to) + 1 : undefined);
    return new Response(part, { status: 206 });
  });
}

async function text(bytes: Promise<ArrayBuffer>): Promise<string> {
  return new TextDecoder().decode(await bytes);
}

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe.each([true, false])("a server that knows ranges: %s", (knowsRanges) => {
  it("returns the requested bytes", async () => {
    vi.stubGlobal("fetch", serve(knowsRanges));
    const reader = new RangeReader("data/");
    expect(await text(reader.read("f"))).toBe(CONTENT);
    expect(await text(reader.read("f", 2, 5))).toBe("234");
    expect(await text(reader.read("f", 7))).toBe("789");
    expect(await text(reader.read("f", 3, 3))).toBe("");
  });

  it("a file that is too short is an error", async () => {
    vi.stubGlobal("fetch", serve(knowsRanges));
    const reader = new RangeReader("data/");
    await expect(reader.read("f", 8, 12)).rejects.toThrow("f is incomplete");
    await expect(reader.read("f", 12, 14)).rejects.toThrow("f is incomplete");
  });
});

it("a map that was made again has a remedy", async () => {
  vi.stubGlobal("fetch", async () => new Response("", { status: 409 }));
  await expect(new RangeReader("data/").read("f")).rejects.toThrow("Restart featscape serve");
});

it("the browser stores no ranges", async () => {
  const fetch = serve(true);
  vi.stubGlobal("fetch", fetch);
  await new RangeReader("data/").read("f", 1, 2);
  expect(fetch.mock.calls[0]?.[1]?.cache).toBe("no-store");
});

it("a server without ranges is asked once for the whole file", async () => {
  const fetch = serve(false);
  vi.stubGlobal("fetch", fetch);
  const reader = new RangeReader("data/");
  await reader.read("f", 1, 2);
  await reader.read("f", 5, 9);
  expect(fetch).toHaveBeenCalledTimes(1);
});

it("simultaneous reads share one request for the whole file", async () => {
  vi.stubGlobal("fetch", serve(false));
  const reading = vi.spyOn(Response.prototype, "arrayBuffer");
  const reader = new RangeReader("data/");
  const found = await Promise.all([text(reader.read("f", 1, 2)), text(reader.read("f", 5, 9))]);
  expect(found).toEqual(["1", "5678"]);
  expect(reading).toHaveBeenCalledTimes(1);
});

it("the whole file is read again after the connection broke", async () => {
  const broken = new Response(CONTENT);
  vi.spyOn(broken, "arrayBuffer").mockRejectedValue(new TypeError("network"));
  const answers = [broken, new Response(CONTENT)];
  vi.stubGlobal("fetch", async () => answers.shift());
  const reader = new RangeReader("data/");
  await expect(reader.read("f", 1, 2)).rejects.toThrow("connection broke");
  expect(await text(reader.read("f", 1, 2))).toBe("1");
});

it("two retries follow a network failure, and then an error", async () => {
  vi.useFakeTimers();
  const fetch = vi.fn().mockRejectedValue(new TypeError("network"));
  vi.stubGlobal("fetch", fetch);
  const reading = expect(new RangeReader("").read("f")).rejects.toThrow("server does not answer");
  await vi.runAllTimersAsync();
  await reading;
  expect(fetch).toHaveBeenCalledTimes(3);
});

it("a proxy's error counts as no answer", async () => {
  vi.useFakeTimers();
  const fetch = vi.fn(async () => new Response("", { status: 503 }));
  vi.stubGlobal("fetch", fetch);
  const reading = expect(new RangeReader("").read("f")).rejects.toThrow(NoAnswerError);
  await vi.runAllTimersAsync();
  await reading;
  expect(fetch).toHaveBeenCalledTimes(3);
});

it("a single network failure is retried", async () => {
  vi.useFakeTimers();
  const fetch = serve(true);
  fetch.mockRejectedValueOnce(new TypeError("network"));
  vi.stubGlobal("fetch", fetch);
  const reading = text(new RangeReader("").read("f", 0, 2));
  await vi.runAllTimersAsync();
  expect(await reading).toBe("01");
});

it("a missing file is named", async () => {
  vi.stubGlobal("fetch", async () => new Response("", { status: 404 }));
  await expect(new RangeReader("").read("grid.bin")).rejects.toThrow(/grid\.bin.*404/);
});
