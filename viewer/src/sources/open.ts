import type { PageSetup } from "../contract";
import type { Source } from "../source";
import { openFile } from "./file";
import { openServer } from "./server";
import { openSite } from "./site";

/** Open the source that the page's setup names. */
export function openSource(setup: PageSetup): Promise<Source> {
  switch (setup.source) {
    case "server":
      return openServer(setup);
    case "site":
      return openSite(setup);
    case "file":
      return openFile(setup);
  }
}
