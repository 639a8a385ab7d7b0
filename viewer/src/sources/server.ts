/** `featscape serve`: a site with an API. */
import type {
  Archive,
  ContentRequest,
  ErrorMessage,
  ItemDetails,
  ItemsRequest,
  NeighborList,
  PageSetup,
  Placed,
  SearchRequest,
} from "../contract";
import type { Source } from "../source";
import { SourceError } from "./error";
import { request } from "./ranges";
import { folder, openSite } from "./site";

async function ask(url: string, init: RequestInit = {}): Promise<Response> {
  const response = await request(url, init);
  if (response.ok) return response;
  let message: string;
  try {
    const { error } = (await response.json()) as ErrorMessage;
    message = error.charAt(0).toUpperCase() + error.slice(1); // shown as a sentence of its own
  } catch {
    message = `The server answers ${response.status}.`;
  }
  throw new SourceError(message);
}

function post(url: string, body: SearchRequest | ContentRequest | ItemsRequest): Promise<Response> {
  return ask(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

export async function openServer(setup: PageSetup): Promise<Source> {
  if (setup.api === null) {
    throw new SourceError(
      "A server's page must say where the server answers; this one does not. Open the server's own page.",
    );
  }
  const files = await openSite(setup);
  const api = folder(setup.api);
  const { originals, search, content, zip, place } = setup.abilities;
  return {
    ...files,
    details: async (id): Promise<ItemDetails> => (await ask(`${api}items/${id}`)).json(),
    neighbors: async (id): Promise<NeighborList> =>
      (await ask(`${api}items/${id}/neighbors`)).json(),
    ...(originals && { originalUrl: (id: number) => `${api}items/${id}/image` }),
    ...(search && {
      search: async (text: string) =>
        new Uint32Array(await (await post(`${api}search`, { text })).arrayBuffer()),
    }),
    ...(content && {
      content: async (text: string) =>
        new Float32Array(await (await post(`${api}content`, { text })).arrayBuffer()),
    }),
    ...(zip > 0 && {
      zip: async (ids: Uint32Array) => {
        const archive = await post(`${api}zip`, { ids: Array.from(ids) });
        return `${api}zip/${((await archive.json()) as Archive).key}`;
      },
    }),
    ...(place && {
      place: async (image: Blob): Promise<Placed> =>
        (
          await ask(`${api}place`, {
            method: "POST",
            headers: { "Content-Type": "application/octet-stream" },
            body: image,
          })
        ).json(),
    }),
  };
}
