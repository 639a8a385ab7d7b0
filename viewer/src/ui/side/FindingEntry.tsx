/** One row of the list of findings. */
import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ListedSection } from "../../contract";
import type { FindingRow } from "../../state/findings/findings";
import { useApp } from "../context";
import { Difference } from "../controls/Difference";
import { ItemButton, ItemPath } from "../controls/ItemButtons";
import { Name } from "../controls/Name";

type SectionLayout = ListedSection["layout"];

const IN_GROUP = 10; // images of a finding about several images
const PER_LINE = 5;
const PLACE_PX = 18; // the line with the rank of a pair and its paths
const LINE_PX = 17; // of the text
const [PER_TEXT_LINE, BESIDE_IMAGE] = [48, 30]; // characters that fit into a line, also of long words
const MOST_TEXT_LINES = 12;
const WIDE = /[\u1100-\u11ff\u2e80-\uffff]/g; // letters of East Asia and emoji, as wide as two others

interface RowSize {
  /** In pixels. */
  readonly height: number;
  /** The number of lines of the text; a longer text is cut. */
  readonly nLines: number;
}

/** The size of a row: at least the lines that most texts need, and more for a longer text. */
export function rowSize(row: FindingRow, layout: SectionLayout, hasImages: boolean): RowSize {
  const { finding } = row;
  const besideImage = hasImages && layout === "items" && row.items.length > 0;
  const width = finding.text.replace(WIDE, "xx").length;
  const needed = Math.ceil(width / (besideImage ? BESIDE_IMAGE : PER_TEXT_LINE));
  const { height, nLines } = leastSize(row, layout, hasImages);
  const nMore = Math.max(Math.min(needed, MOST_TEXT_LINES) - nLines, 0);
  return { height: height + LINE_PX * nMore, nLines: nLines + nMore };
}

function leastSize(
  { items, finding, place }: FindingRow,
  layout: SectionLayout,
  hasImages: boolean,
): RowSize {
  if (layout === "items")
    return { height: hasImages ? 156 : 138, nLines: finding.suggested === null ? 4 : 3 };
  if (layout === "pairs")
    return { height: (hasImages ? 206 : 112) + (place === "" ? 0 : PLACE_PX), nLines: 2 };
  const nStrips = Math.ceil(Math.min(items.length, IN_GROUP) / PER_LINE);
  if (nStrips === 0) return { height: 72, nLines: 3 };
  const stripsPx = (hasImages ? 76 : 24) * nStrips + (finding.n_items > IN_GROUP ? 18 : 0);
  return { height: 58 + stripsPx, nLines: 2 };
}

interface FindingEntryProps {
  readonly row: FindingRow;
  readonly layout: SectionLayout;
  readonly number: number;
  /** The distance from the top of the list in pixels. */
  readonly top: number;
  /** The number of rows. */
  readonly count: number;
  readonly active: boolean;
}

export function FindingEntry({ row, layout, number, top, count, active }: FindingEntryProps) {
  const app = useApp();
  const Content = CONTENTS[layout] ?? TextContent;
  const { height, nLines } = rowSize(row, layout, app.hasImages);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys J and K choose a row
    <li
      class="fs-finding"
      aria-current={active ? "true" : undefined}
      aria-setsize={count}
      aria-posinset={number + 1}
      style={{
        height: `${height}px`,
        transform: `translateY(${top}px)`,
        "--fs-lines": nLines,
      }}
      onClick={() => app.lists.chooseFinding(number)}
    >
      <Content row={row} />
    </li>
  );
}

interface RowProps {
  readonly row: FindingRow;
}

const CONTENTS: Readonly<Record<SectionLayout, FunctionComponent<RowProps>>> = {
  items: ItemContent,
  pairs: PairContent,
  groups: GroupContent,
  texts: TextContent,
};

function Sentence({ row }: RowProps) {
  return (
    <p class="fs-finding-text" dir="auto" title={row.finding.text}>
      {row.finding.text}
    </p>
  );
}

/** A large image, with the suggested label beside the label. */
function ItemContent({ row }: RowProps) {
  const { finding, items } = row;
  const { hasImages } = useApp();
  const item = items[0];
  if (item === undefined) return <Sentence row={row} />;
  return (
    <div class={hasImages ? "fs-finding-item" : "fs-finding-item fs-finding-named"}>
      <ItemButton item={item} sizePx={128} />
      <div class="fs-finding-facts">
        {finding.suggested !== null && <Labels item={item} suggested={finding.suggested} />}
        <Sentence row={row} />
        {finding.neighbors.length > 0 && (
          <Strip
            items={finding.neighbors}
            total={finding.neighbors.length}
            sizePx={32}
            name={finding.suggested === null ? "Nearest images" : "Nearest with that label"}
          />
        )}
      </div>
    </div>
  );
}

function Labels({ item, suggested }: { readonly item: number; readonly suggested: string }) {
  const { items, manifest } = useApp();
  const given = items.classOf(item);
  const other = manifest.classes?.find((each) => each.name === suggested);
  return (
    <div class="fs-relabel">
      <span class="fs-muted">label:</span>
      <ClassName name={given?.name ?? "no label"} color={given?.color} />
      <span class="fs-muted">suggested:</span>
      <ClassName name={suggested} color={other?.color} />
    </div>
  );
}

export function ClassName({
  name,
  color,
}: {
  readonly name: string;
  readonly color?: string | undefined;
}) {
  const app = useApp();
  return (
    <span class="fs-label">
      <i class="fs-swatch" style={{ background: app.displayedColor(color) }} />
      <Name name={name} among={app.items.classNames} title={name} />
    </span>
  );
}

/** Two images side by side, and where they differ. */
function PairContent({ row }: RowProps) {
  const { hasImages } = useApp();
  const [one, other] = row.items;
  return (
    <>
      {one !== undefined && other !== undefined && (
        <div class="fs-pair">
          <PairImage item={one} />
          <PairImage item={other} />
          {hasImages && <Difference one={one} other={other} />}
        </div>
      )}
      {row.place && (
        <p class="fs-muted fs-pair-place">
          <span>{row.place}:</span>
          {row.items.map((item) => (
            <ItemPath key={item} item={item} />
          ))}
        </p>
      )}
      <Sentence row={row} />
    </>
  );
}

function PairImage({ item }: { readonly item: number }) {
  const { items } = useApp();
  const split = useSplit(item);
  const label = items.classOf(item);
  return (
    <div class="fs-pair-image">
      <ItemButton item={item} sizePx={128} />
      <div class="fs-pair-caption">
        {label && <ClassName name={label.name} color={label.color} />}
        {split && <span class="fs-muted">{split}</span>}
      </div>
    </div>
  );
}

/** The split of an item, such as "train"; null until it is read, and without splits. */
function useSplit(item: number): string | null {
  const { items } = useApp();
  const [split, setSplit] = useState<string | null>(null);
  useEffect(() => {
    let gone = false;
    items.details(item).then(
      ({ columns }) => !gone && setSplit(String(columns["split"] ?? "") || null),
      (error) => console.warn(`no split of item ${items.id(item)}: ${error}`),
    );
    return () => {
      gone = true;
    };
  }, [item, items]);
  return split;
}

function GroupContent({ row }: RowProps) {
  return (
    <>
      <Sentence row={row} />
      <Strip
        items={row.items.slice(0, IN_GROUP)}
        total={row.finding.n_items}
        name="Images"
        sizePx={64}
      />
    </>
  );
}

function TextContent({ row }: RowProps) {
  return <Sentence row={row} />;
}

/** Small images; the number of the other images follows. */
function Strip(props: {
  readonly items: readonly number[];
  readonly total: number;
  readonly name: string;
  readonly sizePx: 32 | 64;
}) {
  const { items, total, name, sizePx } = props;
  const more = total - items.length;
  if (items.length === 0) return null;
  return (
    <>
      <ul class={`fs-strip fs-strip-${sizePx}`} aria-label={name}>
        {items.map((item) => (
          <li key={item}>
            <ItemButton item={item} sizePx={sizePx} />
          </li>
        ))}
      </ul>
      {more > 0 && <p class="fs-muted fs-more">and {more.toLocaleString("en-US")} more</p>}
    </>
  );
}
