/** The histogram of a column of numbers or dates. A drag over the bars filters the column. */
import { useMemo, useRef } from "preact/hooks";
import type { DateColumn, NumberColumn } from "../../contract";
import { columnScale, numberCodes, numberPalette } from "../../state/colors/scale";
import {
  type BinRange,
  type Bins,
  binFilter,
  filteredBins,
  keptBins,
  nextBin,
} from "../../state/filters/bins";
import { columnTitle, endTexts } from "../../state/filters/columns";
import type { Numbers } from "../../state/filters/filters";
import { LABEL } from "../../state/items/items";
import { useApp } from "../context";
import { LinkButton } from "../controls/controls";
import { useShownCounts } from "./shown-counts";

const GAP = 0.08; // between bars, in widths of a bin
const LEAST_HEIGHT = 0.035; // of a bar with items

export interface ScaleProps {
  readonly column: NumberColumn | DateColumn;
  readonly values: Numbers;
}

/** The chart, two handles below it, and the smallest and largest value shown. */
export function Histogram({ column, values }: ScaleProps) {
  const app = useApp();
  const { name } = column;
  const bins = keptBins(column, values);
  const filter = app.filters.value.get(name);
  const range = filteredBins(bins, filter);
  const isColored = app.colorBy.value === name;
  const colors = useBinColors({ column, values }, bins);

  /** Show only some bins. Returns the bins that are then shown. */
  function keep(wanted: BinRange): BinRange {
    const next = binFilter(bins, wanted);
    if (next === undefined) return range; // the bins are empty
    app.setFilter(name, next);
    return filteredBins(bins, next ?? undefined);
  }

  const { lower, upper } =
    filter?.kind === "range" ? filter : { lower: column.minimum, upper: column.maximum };
  const [lowest, highest] = endTexts(app.manifest, name, [lower, upper]);
  return (
    <>
      <Chart
        column={name}
        bins={bins}
        range={range}
        colors={isColored ? colors : null}
        onKeep={keep}
        onEnd={() => {
          // a map with labels keeps the colors of the classes
          if (app.colorBy.value === LABEL && !app.manifest.classes) app.colorBy.value = name;
        }}
      />
      {isColored && (
        <div
          class="fs-scale"
          style={{ background: `linear-gradient(to right, ${[...colors, ...colors.slice(-1)]})` }}
        />
      )}
      {bins.count > 1 && (
        <Handles
          title={columnTitle(app.manifest, name)}
          bins={bins}
          range={range}
          lower={lowest}
          upper={highest}
          onKeep={keep}
        />
      )}
      <div class="fs-scale-ends">
        <span>{lowest}</span>
        {filter && <LinkButton onClick={() => app.setFilter(name, null)}>Show all</LinkButton>}
        <span>{highest}</span>
      </div>
    </>
  );
}

/** The color of each bin on the map. */
function useBinColors({ column, values }: ScaleProps, bins: Bins): readonly string[] {
  const { theme } = useApp();
  const scale = useMemo(() => columnScale(column, values), [column, values]);
  return useMemo(() => {
    const palette = numberPalette(theme.value, scale.diverging);
    let last = column.minimum;
    const typical = bins.lowest.map((value, i) => {
      if (value <= (bins.highest[i] as number)) last = (value + (bins.highest[i] as number)) / 2;
      return last;
    });
    return Array.from(numberCodes(typical, scale, 0), (code) => palette[code] ?? "");
  }, [column, bins, scale, theme.value]);
}

interface ChartProps {
  readonly column: string;
  readonly bins: Bins;
  readonly range: BinRange;
  /** The color of each bar; null for bars of one color. */
  readonly colors: readonly string[] | null;
  onKeep(range: BinRange): void;
  onEnd(): void;
}

/** The bars of all items, and before them the bars of the items that the other filters show. */
function Chart({ column, bins, range, colors, onKeep, onEnd }: ChartProps) {
  const { count, totals } = bins;
  const shown = useShownCounts(column, bins.codes, count + 1) ?? totals;
  const most = Math.max(1, ...totals.subarray(0, count));
  const brush = useBrush(bins, range, onKeep, onEnd);
  const bar = (bin: number, number: number) => {
    const height = number === 0 ? 0 : Math.max(LEAST_HEIGHT, number / most);
    return { x: bin + GAP, width: 1 - 2 * GAP, y: 1 - height, height };
  };
  const all = Array.from({ length: count }, (_, bin) => bin);
  return (
    <div
      class="fs-histogram"
      data-filtered={range.first > 0 || range.last < count - 1 ? "" : undefined}
      {...brush}
    >
      <svg viewBox={`0 0 ${count} 1`} preserveAspectRatio="none" aria-hidden="true">
        {all.map((bin) => (
          <rect key={bin} class="fs-bar-all" {...bar(bin, totals[bin] as number)} />
        ))}
        {all.map((bin) => (
          <rect
            key={bin}
            class={bin >= range.first && bin <= range.last ? "fs-bar-shown" : "fs-bar-outside"}
            style={colors ? { fill: colors[bin] } : undefined}
            {...bar(bin, shown[bin] as number)}
          />
        ))}
      </svg>
    </div>
  );
}

/** A drag shows the bins under it; a click shows one bin, or all if only this one is shown. */
function useBrush(
  bins: Bins,
  range: BinRange,
  onKeep: (range: BinRange) => void,
  onEnd: () => void,
) {
  const drag = useRef<{ readonly start: number; moved: boolean } | null>(null);
  const at = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const bin = Math.floor(((event.clientX - box.left) / box.width) * bins.count);
    return Math.max(0, Math.min(bins.count - 1, bin));
  };
  return {
    onPointerDown(event: PointerEvent) {
      if (event.button !== 0 || bins.count < 2) return;
      (event.currentTarget as Element).setPointerCapture?.(event.pointerId);
      const bin = at(event);
      drag.current = { start: bin, moved: false };
      const isOnly = range.first === bin && range.last === bin;
      onKeep(isOnly ? { first: 0, last: bins.count - 1 } : { first: bin, last: bin });
    },
    onPointerMove(event: PointerEvent) {
      if (drag.current === null) return;
      const { start, moved } = drag.current;
      const bin = at(event);
      if (bin === start && !moved) return; // still a click
      drag.current.moved = true;
      const wanted = { first: Math.min(start, bin), last: Math.max(start, bin) };
      if (wanted.first !== range.first || wanted.last !== range.last) onKeep(wanted);
    },
    onPointerUp() {
      if (drag.current !== null) onEnd();
      drag.current = null;
    },
    onPointerCancel() {
      drag.current = null;
    },
  };
}

interface HandlesProps {
  readonly title: string;
  readonly bins: Bins;
  readonly range: BinRange;
  readonly lower: string;
  readonly upper: string;
  onKeep(range: BinRange): BinRange;
}

/** Two sliders, for the keyboard and for one end of the range at a time. */
function Handles({ title, bins, range, lower, upper, onKeep }: HandlesProps) {
  const { first, last } = range;

  /** The nearest bin with items, in the direction of the move. */
  function moved(bin: number, from: number): number {
    const by = bin < from ? -1 : 1;
    return nextBin(bins, bin, by) ?? nextBin(bins, bin, by === 1 ? -1 : 1) ?? from;
  }

  return (
    <div class="fs-range">
      <input
        type="range"
        min={0}
        max={bins.count}
        step={1}
        value={first}
        aria-label={`${title}: at least`}
        aria-valuetext={lower}
        onInput={({ currentTarget }) => {
          const bin = Math.min(currentTarget.valueAsNumber, last);
          const kept = bin === first ? range : onKeep({ first: moved(bin, first), last });
          currentTarget.value = `${kept.first}`;
        }}
      />
      <input
        type="range"
        min={0}
        max={bins.count}
        step={1}
        value={last + 1}
        aria-label={`${title}: at most`}
        aria-valuetext={upper}
        onInput={({ currentTarget }) => {
          const bin = Math.max(currentTarget.valueAsNumber - 1, first);
          const kept = bin === last ? range : onKeep({ first, last: moved(bin, last) });
          currentTarget.value = `${kept.last + 1}`;
        }}
      />
    </div>
  );
}
