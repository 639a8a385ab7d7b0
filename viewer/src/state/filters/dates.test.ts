/** Columns of dates: details, tables, colors, filters and addresses. */
import { expect, it } from "vitest";
import { NO_CATEGORY } from "../../contract";
import { SilentStage, settled, smallApp } from "../../testing/small-map";
import { decodeAddress, encodeAddress } from "../address/address";
import { restore } from "../address/restore";
import { STEPS } from "../colors/scale";
import { selectionCsv } from "../exports/exports";
import { syncStage } from "../view/stage-sync";

const DAY = 86_400;
const MAY = 1_777_593_600; // 2026-05-01
const taken = [MAY, MAY + DAY, Number.NaN, MAY + 30 * DAY, MAY + 60 * DAY, MAY - DAY];

it("dates are text in the details of an item and in the table of a selection", async () => {
  const app = smallApp({ taken });
  const columnsOf = async (item: number) => (await app.items.details(item)).columns["taken"];
  expect([await columnsOf(0), await columnsOf(2), await columnsOf(5)]).toEqual([
    "2026-05-01",
    null,
    "2026-04-30",
  ]);
  const [header, ...rows] = (await selectionCsv(app, Uint32Array.of(0, 2))).trim().split("\r\n");
  expect(header?.endsWith(",taken")).toBe(true);
  expect(rows.map((row) => row.split(",").at(-1))).toEqual(["", "2026-05-01"]);
});

it("dates color the map on a linear scale", async () => {
  const app = smallApp({ taken });
  const stage = new SilentStage();
  const stop = syncStage(app, stage);
  app.colorBy.value = "taken";
  await settled();
  const { codes } = stage.calls.get("colors") as { codes: number[] };
  expect(codes[5]).toBe(0);
  expect(codes[4]).toBe(STEPS - 1);
  expect(codes[3]).toBe(Math.floor((31 / 61) * STEPS));
  expect(codes[2]).toBe(NO_CATEGORY);
  stop();
});

it("an address contains a filter on dates to the second", async () => {
  const filters = new Map([
    ["taken", { kind: "range", lower: MAY + 1, upper: MAY + 30 * DAY } as const],
  ]);
  const shared = decodeAddress(`#${encodeAddress({ filters })}`);
  expect(shared.filters).toEqual(filters);
  const app = smallApp({ taken });
  const stop = syncStage(app, new SilentStage());
  restore(app, shared);
  await settled();
  expect(app.nShown.value).toBe(2);
  expect(app.messages.error.value).toBeNull();
  stop();
});
