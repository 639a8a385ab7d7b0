import { useMemo } from "preact/hooks";
import { shownByCode } from "../../state/filters/hiding";
import { useApp } from "../context";

/** The number of items by code that the filters on other columns show; null without such filters. */
export function useShownCounts(
  column: string,
  codes: Uint16Array | null,
  nCodes: number,
): Uint32Array | null {
  const app = useApp();
  const hiding = app.hiding.value;
  // the counts of the only filtered column do not depend on its filter
  const others = hiding?.byColumn.size === 1 && hiding.byColumn.has(column) ? null : hiding;
  return useMemo(
    () => codes && shownByCode(codes, nCodes, others, column),
    [column, codes, nCodes, others],
  );
}
