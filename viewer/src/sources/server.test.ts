import { afterEach, expect, it, vi } from "vitest";
import { NO_ABILITIES } from "../testing/small-map";
import { openServer } from "./server";

const ALL = {
  originals: true,
  search: true,
  content: true,
  zip: 10_000,
  place: true,
  no_place: null,
};

function setup(abilities: typeof ALL) {
  return { source: "server", data: "data", api: "api/", abilities, notice: null } as const;
}

function serve(answers: Record<string, (init: RequestInit) => Response>) {
  vi.stubGlobal("fetch", async (url: string, init: RequestInit = {}) => {
    if (url === "data/manifest.json")
      return Response.json({ format: "featscape-bundle", version: 1 });
    const answer = answers[`${init.method ?? "GET"} ${url}`];
    return (
      answer?.(init) ?? Response.json({ error: "No such place.", status: 404 }, { status: 404 })
    );
  });
}

afterEach(() => vi.unstubAllGlobals());

it("requests follow the contract", async () => {
  const sent: unknown[] = [];
  serve({
    "GET api/items/7/neighbors": () => Response.json({ ids: [1], distances: [0.5] }),
    "POST api/search": ({ body }) => {
      sent.push(JSON.parse(String(body)));
      return new Response(Uint32Array.of(3, 4_000_000_000));
    },
    "POST api/content": ({ body }) => {
      sent.push(JSON.parse(String(body)));
      return new Response(Float32Array.of(0.25, -1));
    },
    "POST api/zip": ({ body }) => {
      sent.push(JSON.parse(String(body)));
      return Response.json({ key: "a-b_c" });
    },
    "POST api/place": ({ body }) => {
      sent.push(body);
      return Response.json({
        position: [1, 2],
        neighbors: { ids: [], distances: [] },
        thumbnail: null,
      });
    },
  });
  const source = await openServer(setup(ALL));
  const image = new Blob(["x"]);
  expect(source.originalUrl?.(7)).toBe("api/items/7/image");
  expect(await source.neighbors?.(7)).toEqual({ ids: [1], distances: [0.5] });
  expect([...((await source.search?.("ä b")) ?? [])]).toEqual([3, 4_000_000_000]);
  expect([...((await source.content?.("a red car")) ?? [])]).toEqual([0.25, -1]);
  expect(await source.zip?.(Uint32Array.of(1, 2))).toBe("api/zip/a-b_c");
  expect((await source.place?.(image))?.position).toEqual([1, 2]);
  expect(sent).toEqual([{ text: "ä b" }, { text: "a red car" }, { ids: [1, 2] }, image]);
});

it("only the abilities of the page are offered", async () => {
  serve({});
  const source = await openServer(setup(NO_ABILITIES));
  const { originalUrl, search, content, zip, place } = source;
  expect([originalUrl, search, content, zip, place]).toEqual(Array(5).fill(undefined));
});

it("the server's error message is shown", async () => {
  serve({ "GET api/items/1": () => new Response("<html>", { status: 500 }) });
  const source = await openServer(setup(ALL));
  await expect(source.details?.(2)).rejects.toThrow("No such place.");
  await expect(source.details?.(1)).rejects.toThrow("The server answers 500.");
});

it("the server's error message starts with a capital", async () => {
  const error = "the image cannot be used: it is empty.";
  serve({ "POST api/place": () => Response.json({ error, status: 422 }, { status: 422 }) });
  const placing = (await openServer(setup(ALL))).place?.(new Blob(["x"]));
  await expect(placing).rejects.toThrow("The image cannot be used: it is empty.");
});
