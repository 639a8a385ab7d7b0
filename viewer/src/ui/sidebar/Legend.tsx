/** The legend of the colors. A click hides a class, a double click shows only that class. */
import { useId, useMemo, useRef, useState } from "preact/hooks";
import { type LegendRow, legendRows } from "../../state/colors/legend";
import { columnNamed, findingOf } from "../../state/columns";
import { hiddenItems, isolated, shownByCode, toggled } from "../../state/filters";
import { LABEL } from "../../state/items/items";
import { folded } from "../../state/search/find";
import { count, shownText, useApp } from "../context";
import { highlights, LinkButton } from "../controls/controls";
import { Name } from "../controls/Name";
import { seenRows, useViewport } from "../controls/viewport";
import { NumberLegend } from "./NumberLegend";

/** Rows are taller on a touch screen. */
const ROW_PX = window.matchMedia("(pointer: coarse)").matches ? 40 : 28;
const FILTER_FROM = 13; // entries from which a text field filters the legend

const NOTHING_HIDDEN: ReadonlySet<number> = new Set();

export function Legend() {
  const app = useApp();
  const name = app.colorBy.value;
  const column = app.manifest.columns.find((each) => each.name === name);
  if (name !== LABEL && column?.kind === "number") {
    return <NumberLegend key={name} column={column} />;
  }
  return <ClassLegend key={name} name={name} />;
}

/** The number of items by code that the filters on other columns show; null without such filters. */
function useShownCounts(name: string): Uint32Array | null {
  const { filters, columns, items } = useApp();
  const others = [...filters.value].filter(([column]) => column !== name);
  const codes = columns.value.get(name);
  return useMemo(() => {
    if (!codes || others.length === 0) return null;
    return shownByCode(codes, hiddenItems(items.count, new Map(others), columns.value));
  }, [codes, columns.value, ...others.flat()]);
}

function ClassLegend({ name }: { readonly name: string }) {
  const app = useApp();
  const [sought, setSought] = useState("");
  const [byCount, setByCount] = useState(false);
  const rows = useMemo(() => legendRows(app, name), [app, name]);
  const names = useMemo(() => rows.map((row) => row.name), [rows]);
  const filter = app.filters.value.get(name);
  const hidden = filter?.kind === "codes" ? filter.hidden : NOTHING_HIDDEN;
  const shownCounts = useShownCounts(name);
  if (rows.length === 0) return null;
  const note = findingOf(columnNamed(app.manifest, name))?.note;
  const groups =
    name === LABEL ? count(rows.length, "class", "classes") : count(rows.length, "value");
  const sorted = byCount ? [...rows].sort((a, b) => b.count - a.count) : rows;
  const shown = sought ? sorted.filter((row) => folded(row.name).includes(folded(sought))) : sorted;

  function setHidden(next: ReadonlySet<number>): void {
    app.setFilter(name, { kind: "codes", hidden: next });
  }

  return (
    <section class="fs-legend" aria-label="Legend">
      <div class="fs-legend-head">
        <span class="fs-muted">
          {hidden.size > 0
            ? `${(rows.length - hidden.size).toLocaleString("en-US")} of ${groups} shown`
            : groups}
        </span>
        {hidden.size > 0 && <LinkButton onClick={() => setHidden(new Set())}>Show all</LinkButton>}
        {hidden.size === 0 && rows.length >= FILTER_FROM && (
          <LinkButton onClick={() => setByCount(!byCount)}>
            {byCount ? "Sort by name" : "Sort by count"}
          </LinkButton>
        )}
      </div>
      {note && <p class="fs-muted fs-scale-note">{note}</p>}
      {rows.length >= FILTER_FROM && (
        <input
          class="fs-input"
          type="search"
          placeholder="Filter the legend"
          aria-label="Filter the legend"
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
        onIsolate={(code) =>
          setHidden(
            isolated(
              hidden,
              code,
              rows.map((row) => row.code),
            ),
          )
        }
      />
    </section>
  );
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
  const list = useRef<HTMLDivElement>(null);
  const prefix = useId();
  const viewport = useViewport(list);
  const [active, setActive] = useState(0);
  const at = Math.min(active, rows.length - 1);
  const { first, last } = seenRows(viewport, ROW_PX, rows.length);

  function goTo(index: number): void {
    const next = Math.max(0, Math.min(rows.length - 1, index));
    setActive(next);
    if (list.current) scrollToRow(list.current, next, viewport.height);
  }

  function onKeyDown(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(viewport.height / ROW_PX) - 1);
    const moves: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: rows.length - 1,
    };
    const code = rows[at]?.code;
    const to = moves[event.key];
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
      aria-label="Legend: Space hides or shows a class, Enter shows only that class"
      aria-activedescendant={rows[at] ? `${prefix}-${rows[at].code}` : undefined}
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
  index,
  count,
  active,
  hidden,
  onToggle,
  onIsolate,
}: RowProps) {
  const app = useApp();
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
      title={`${row.name}\nClick to hide or show. Double-click to show only this class.`}
      style={{ height: `${ROW_PX}px`, transform: `translateY(${index * ROW_PX}px)` }}
      {...highlights(app, { column, code: row.code })}
      onClick={onToggle}
      onDblClick={onIsolate}
    >
      <i
        class="fs-swatch"
        style={{ background: hidden ? "transparent" : app.displayedColor(row.color) }}
      />
      <Name name={row.name} among={names} />
      <span class="fs-number">{shownText(nShown, row.count)}</span>
    </div>
  );
}
