/** The legend of the colors. A click hides a class, a double click shows only that class. */
import { useId, useMemo, useRef, useState } from "preact/hooks";
import type { App } from "../../state/app";
import { type LegendRow, legendRows } from "../../state/colors/legend";
import { numberPalette } from "../../state/colors/scale";
import { columnNote } from "../../state/filters/columns";
import { isolated, toggled } from "../../state/filters/filters";
import { LABEL, withLabel } from "../../state/items/items";
import { type Content, scoreText } from "../../state/search/contents";
import { folded } from "../../state/search/find";
import { countText, quotedQuery } from "../../state/wording/words";
import { count, shownText, useApp } from "../context";
import { highlights, LinkButton } from "../controls/controls";
import { Name } from "../controls/Name";
import { seenRows, useViewport } from "../controls/viewport";
import { NumberLegend, ScaleNote } from "./NumberLegend";
import { useShownCounts } from "./shown-counts";

/** Rows are taller on a touch screen. */
const ROW_PX = window.matchMedia("(pointer: coarse)").matches ? 40 : 28;
const MOST_ROWS = { legend: 10.5, facet: 5.5 }; // beside charts; more rows scroll
const FILTER_FROM = 13; // entries from which a text field filters the legend

const CODES = 65_536;
const NOTHING_HIDDEN: ReadonlySet<number> = new Set();

export function Legend() {
  const app = useApp();
  const name = app.colorBy.value;
  if (app.search.coloring) return <ContentLegend found={app.search.coloring} />;
  const column = app.scaleColumn(name);
  if (!column) return <ClassLegend key={name} name={name} />;
  const values = app.columns.value.get(name);
  if (!values || values instanceof Uint16Array) return null; // the column is being read
  return <NumberLegend key={name} column={column} values={values} />;
}

/** The scale of what a search finds. */
function ContentLegend({ found }: { readonly found: Content }) {
  const app = useApp();
  const colors = numberPalette(app.theme.value).join(", ");
  return (
    <section class="fs-legend" aria-label="Legend">
      <ScaleNote>
        {found.measure === "probability"
          ? "Probability by the network that an image shows "
          : "Similarity of each image to the text "}
        <bdi>{quotedQuery(found.query)}</bdi>
      </ScaleNote>
      <div class="fs-scale" style={{ background: `linear-gradient(to right, ${colors})` }} />
      <div class="fs-scale-ends">
        <span>{scoreText(found, found.range[0])}</span>
        <span>{scoreText(found, found.range[1])}</span>
      </div>
    </section>
  );
}

/** The classes, or the categories of a column; with swatches if the column colors the map. */
export function ClassLegend({ name }: { readonly name: string }) {
  const app = useApp();
  const [sought, setSought] = useState("");
  const [byCount, setByCount] = useState(false);
  const rows = useMemo(() => legendRows(app, name), [app, name]);
  const names = useMemo(() => rows.map((row) => row.name), [rows]);
  const filter = app.filters.value.get(name);
  const hidden = filter?.kind === "codes" ? filter.hidden : NOTHING_HIDDEN;
  const values = app.columns.value.get(name);
  const codes = values instanceof Uint16Array ? values : null;
  const shownCounts = useShownCounts(name, codes, CODES);
  if (rows.length === 0) return null;
  const note = columnNote(app.manifest, name);
  const isLegend = app.colorBy.value === name;
  const isLong = rows.length >= FILTER_FROM;
  const sorted = byCount ? [...rows].sort((a, b) => b.count - a.count) : rows;
  const shown = sought ? sorted.filter((row) => folded(row.name).includes(folded(sought))) : sorted;

  function setHidden(next: ReadonlySet<number>): void {
    app.setFilter(name, { kind: "codes", hidden: next });
  }

  return (
    <section class="fs-legend" aria-label={isLegend ? "Legend" : undefined}>
      <div class="fs-legend-head">
        <span class="fs-muted">{shownGroups(name, rows, hidden)}</span>
        {hidden.size > 0 && <LinkButton onClick={() => setHidden(new Set())}>Show all</LinkButton>}
        {hidden.size === 0 && isLong && (
          <LinkButton onClick={() => setByCount(!byCount)}>
            {byCount ? "Sort by name" : "Sort by count"}
          </LinkButton>
        )}
      </div>
      {note && isLegend && <ScaleNote>{note}</ScaleNote>}
      {isLong && (
        <input
          class="fs-input"
          type="search"
          placeholder="Filter the list"
          aria-label={`Filter the list of ${name}`}
          dir="auto"
          value={sought}
          onInput={(event) => setSought(event.currentTarget.value)}
        />
      )}
      <LegendList
        column={name}
        rows={shown}
        names={names}
        shownCounts={shownCounts}
        hidden={hidden}
        onToggle={(code) => setHidden(toggled(hidden, code))}
        onIsolate={(code) => setHidden(isolated(hidden, code, codesOf(rows)))}
      />
    </section>
  );
}

/** "5 classes", or "3 of 5 classes shown". */
function shownGroups(
  column: string,
  rows: readonly LegendRow[],
  hidden: ReadonlySet<number>,
): string {
  const isLabel = column === LABEL;
  const counted = isLabel ? withLabel(rows) : rows;
  const groups = isLabel
    ? count(counted.length, "class", "classes")
    : count(counted.length, "value");
  const nShown = counted.filter((row) => !hidden.has(row.code)).length;
  return hidden.size > 0 ? `${countText(nShown)} of ${groups} shown` : groups;
}

function codesOf(rows: readonly LegendRow[]): number[] {
  return rows.map((row) => row.code);
}

interface LegendListProps {
  readonly column: string;
  readonly rows: readonly LegendRow[];
  /** The names of all rows, including rows that the text field filters out. */
  readonly names: readonly string[];
  readonly shownCounts: Uint32Array | null;
  readonly hidden: ReadonlySet<number>;
  onToggle(code: number): void;
  onIsolate(code: number): void;
}

/** The list is one Tab stop: arrow keys move, Space hides a class, Enter isolates it. */
function LegendList({
  column,
  rows,
  names,
  shownCounts,
  hidden,
  onToggle,
  onIsolate,
}: LegendListProps) {
  const app = useApp();
  const list = useRef<HTMLDivElement>(null);
  const prefix = useId();
  const viewport = useViewport(list);
  const [active, setActive] = useState(0);
  const at = Math.min(active, rows.length - 1);
  const most = Math.max(...rows.map((row) => row.count));
  const { first, last } = seenRows(viewport, ROW_PX, rows.length);

  function goTo(index: number): void {
    const next = Math.max(0, Math.min(rows.length - 1, index));
    setActive(next);
    if (list.current) scrollToRow(list.current, next, viewport.height);
  }

  function onKeyDown(event: KeyboardEvent): void {
    const code = rows[at]?.code;
    const to = rowAfter(event.key, at, rows.length, viewport.height);
    if (to !== undefined) goTo(to);
    else if (event.key === " " && code !== undefined) onToggle(code);
    else if (event.key === "Enter" && code !== undefined) onIsolate(code);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return (
    <div
      class="fs-legend-list"
      ref={list}
      role="listbox"
      aria-multiselectable="true"
      aria-label={`${column}: Space hides or shows a value, Enter shows only that value`}
      aria-activedescendant={rows[at] ? `${prefix}-${rows[at].code}` : undefined}
      style={{ maxHeight: mostHeight(app, column) }}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      <div class="fs-tall" role="presentation" style={{ height: `${rows.length * ROW_PX}px` }}>
        {rows.slice(first, last).map((row, i) => (
          <Row
            key={row.code}
            column={column}
            row={row}
            names={names}
            id={`${prefix}-${row.code}`}
            nShown={shownCounts?.[row.code] ?? row.count}
            most={most}
            index={first + i}
            count={rows.length}
            active={first + i === at}
            hidden={hidden.has(row.code)}
            onToggle={() => {
              setActive(first + i);
              onToggle(row.code);
            }}
            onIsolate={() => onIsolate(row.code)}
          />
        ))}
      </div>
    </div>
  );
}

/** The height of a list from which it scrolls; undefined if there are no charts below it. */
function mostHeight(app: App, column: string): string | undefined {
  if (app.facets.length === 0) return undefined;
  return `${ROW_PX * MOST_ROWS[app.colorBy.value === column ? "legend" : "facet"]}px`;
}

/** The row to which a key moves; undefined for other keys. */
function rowAfter(key: string, at: number, nRows: number, height: number): number | undefined {
  const page = Math.max(1, Math.floor(height / ROW_PX) - 1);
  const moves: Record<string, number> = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    PageDown: at + page,
    PageUp: at - page,
    Home: 0,
    End: nRows - 1,
  };
  return moves[key];
}

/** Scroll a list as little as possible until a row is visible. */
function scrollToRow(list: HTMLElement, index: number, height: number): void {
  if (index * ROW_PX < list.scrollTop) list.scrollTop = index * ROW_PX;
  else if ((index + 1) * ROW_PX > list.scrollTop + height) {
    list.scrollTop = (index + 1) * ROW_PX - height;
  }
}

interface RowProps {
  readonly column: string;
  readonly row: LegendRow;
  readonly names: readonly string[];
  readonly id: string;
  /** The number of items that the filters on other columns show. */
  readonly nShown: number;
  /** The largest number of items in a row. */
  readonly most: number;
  readonly index: number;
  /** The number of rows. */
  readonly count: number;
  readonly active: boolean;
  readonly hidden: boolean;
  onToggle(): void;
  onIsolate(): void;
}

function Row({
  column,
  row,
  names,
  id,
  nShown,
  most,
  index,
  count,
  active,
  hidden,
  onToggle,
  onIsolate,
}: RowProps) {
  const app = useApp();
  const isColored = app.colorBy.value === column;
  const share = (number: number) => ({ width: `${(100 * number) / most}%` });
  const barColor = isColored ? { "--fs-class": app.displayedColor(row.color) } : {};
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: the list has the focus, as listboxes do
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list hears the keys
    <div
      id={id}
      class="fs-legend-row"
      role="option"
      aria-selected={!hidden}
      aria-setsize={count}
      aria-posinset={index + 1}
      data-active={active ? "" : undefined}
      title={`${row.name}\nClick to hide or show. Double-click to show only this.`}
      style={{ height: `${ROW_PX}px`, transform: `translateY(${index * ROW_PX}px)` }}
      {...highlights(app, { column, code: row.code })}
      onClick={onToggle}
      onDblClick={onIsolate}
    >
      <span class="fs-row-bar" style={barColor}>
        <i class="fs-row-all" style={share(row.count)} />
        {!hidden && <i class="fs-row-shown" style={share(nShown)} />}
      </span>
      {isColored ? (
        <i
          class="fs-swatch"
          style={{ background: hidden ? "transparent" : app.displayedColor(row.color) }}
        />
      ) : (
        <i class="fs-swatch fs-gray-swatch" data-off={hidden ? "" : undefined} />
      )}
      <Name name={row.name} among={names} />
      <span class="fs-number">{shownText(nShown, row.count)}</span>
    </div>
  );
}
