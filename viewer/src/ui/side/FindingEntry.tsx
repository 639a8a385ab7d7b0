/** One row of the list of findings. */
import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ListedFinding, ListedSection } from "../../contract";
import { countText } from "../../state/wording/words";
import { useApp } from "../context";
import { ClassName } from "../controls/ClassName";
import { Difference } from "../controls/Difference";
import { ItemButton } from "../controls/ItemButtons";
import { LabelButtons } from "./LabelButtons";

type SectionLayout = ListedSection["layout"];

const IN_GROUP = 10; // images of a finding about several images
const PER_LINE = 5;
const COUNT_PX = 18; // the line with the number of images of a group
const LINE_PX = 17; // of the text
const TOUCH_PX = window.matchMedia("(pointer: coarse)").matches ? 28 : 0; // for higher label buttons
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
export function rowSize(
  finding: ListedFinding,
  layout: SectionLayout,
  hasImages: boolean,
  isActive = false,
): RowSize {
  const besideImage = hasImages && layout === "items" && finding.items.length > 0;
  const width = finding.text.replace(WIDE, "xx").length;
  const needed = Math.ceil(width / (besideImage ? BESIDE_IMAGE : PER_TEXT_LINE));
  const { height, nLines } = leastSize(finding, layout, hasImages, isActive);
  const nMore = Math.max(Math.min(needed, MOST_TEXT_LINES) - nLines, 0);
  return { height: height + LINE_PX * nMore, nLines: nLines + nMore };
}

function leastSize(
  finding: ListedFinding,
  layout: SectionLayout,
  hasImages: boolean,
  isActive: boolean,
): RowSize {
  const { items, n_items, suggested } = finding;
  if (layout === "items" && suggested === null) return { height: hasImages ? 156 : 138, nLines: 4 };
  if (layout === "items") return { height: (hasImages ? 156 : 138) + TOUCH_PX, nLines: 3 };
  if (layout === "pairs") {
    const others = othersOf(finding, isActive);
    const stripPx = others.length > 0 ? COUNT_PX + stripHeight(others, n_items - 1, hasImages) : 0;
    return { height: (hasImages ? 206 : 112) + stripPx, nLines: 2 };
  }
  const shown = items.slice(0, IN_GROUP);
  if (shown.length === 0) return { height: 72, nLines: 3 };
  return { height: 58 + stripHeight(shown, n_items, hasImages), nLines: 2 };
}

function stripHeight(items: readonly number[], total: number, hasImages: boolean): number {
  const nLines = Math.ceil(items.length / PER_LINE);
  return (hasImages ? 76 : 24) * nLines + (total > items.length ? 18 : 0);
}

/** The images of a group that may be compared with the first: a line of them, all in the active row. */
function othersOf({ items }: ListedFinding, isActive: boolean): readonly number[] {
  return items.length > 2 ? items.slice(1, isActive ? undefined : 1 + PER_LINE) : [];
}

interface FindingEntryProps {
  readonly finding: ListedFinding;
  readonly layout: SectionLayout;
  readonly number: number;
  /** The distance from the top of the list in pixels. */
  readonly top: number;
  /** The number of rows. */
  readonly count: number;
  readonly active: boolean;
}

export function FindingEntry({ finding, layout, number, top, count, active }: FindingEntryProps) {
  const app = useApp();
  const Content = CONTENTS[layout] ?? TextContent;
  const { height, nLines } = rowSize(finding, layout, app.hasImages, active);
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
      <Content finding={finding} isActive={active} />
    </li>
  );
}

interface RowProps {
  readonly finding: ListedFinding;
  readonly isActive: boolean;
}

const CONTENTS: Readonly<Record<SectionLayout, FunctionComponent<RowProps>>> = {
  items: ItemContent,
  pairs: PairContent,
  groups: GroupContent,
  texts: TextContent,
};

function Sentence({ finding }: { readonly finding: ListedFinding }) {
  return (
    <p class="fs-finding-text" dir="auto" title={finding.text}>
      {finding.text}
    </p>
  );
}

/** A large image, with the suggested label beside the label. */
function ItemContent({ finding }: RowProps) {
  const { hasImages, noun } = useApp();
  const item = finding.items[0];
  if (item === undefined) return <Sentence finding={finding} />;
  return (
    <div class={hasImages ? "fs-finding-item" : "fs-finding-item fs-finding-named"}>
      <ItemButton item={item} sizePx={128} />
      <div class="fs-finding-facts">
        <LabelButtons finding={finding} />
        <Sentence finding={finding} />
        {finding.neighbors.length > 0 && (
          <Strip
            items={finding.neighbors}
            total={finding.neighbors.length}
            sizePx={32}
            name={finding.suggested === null ? `Nearest ${noun}s` : "Nearest with that label"}
          />
        )}
      </div>
    </div>
  );
}

/** The first image of a group beside another, where they differ, and the images to choose from. */
function PairContent({ finding, isActive }: RowProps) {
  const { hasImages, noun } = useApp();
  const { items, n_items } = finding;
  const [chosen, setChosen] = useState<number | null>(null);
  const one = items[0];
  const other = chosen !== null && items.includes(chosen) ? chosen : items[1];
  const others = othersOf(finding, isActive);
  return (
    <>
      {one !== undefined && other !== undefined && (
        <div class="fs-pair">
          <PairImage item={one} />
          <PairImage item={other} />
          {hasImages && <Difference one={one} other={other} />}
        </div>
      )}
      {others.length > 0 && (
        <>
          <p class="fs-muted fs-pair-count">
            {countText(n_items)} {noun}s{hasImages && ". Choose one to compare it with the first."}
          </p>
          <Strip
            items={others}
            total={n_items - 1}
            name={`Other ${noun}s`}
            sizePx={64}
            chosen={other}
            onChoose={hasImages ? setChosen : undefined}
          />
        </>
      )}
      <Sentence finding={finding} />
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

function GroupContent({ finding }: RowProps) {
  const { noun } = useApp();
  return (
    <>
      <Sentence finding={finding} />
      <Strip
        items={finding.items.slice(0, IN_GROUP)}
        total={finding.n_items}
        name={noun === "image" ? "Images" : "Items"}
        sizePx={64}
      />
    </>
  );
}

function TextContent({ finding }: RowProps) {
  return <Sentence finding={finding} />;
}

/** Small images; the number of the other images follows. */
function Strip(props: {
  readonly items: readonly number[];
  readonly total: number;
  readonly name: string;
  readonly sizePx: 32 | 64;
  /** Called instead of opening the item. */
  readonly onChoose?: ((item: number) => void) | undefined;
  readonly chosen?: number | undefined;
}) {
  const { items, total, name, sizePx, chosen, onChoose } = props;
  const more = total - items.length;
  if (items.length === 0) return null;
  return (
    <>
      <ul class={`fs-strip fs-strip-${sizePx}`} aria-label={name}>
        {items.map((item) => (
          <li key={item}>
            <ItemButton
              item={item}
              sizePx={sizePx}
              {...(onChoose && { onChoose: () => onChoose(item), isChosen: item === chosen })}
            />
          </li>
        ))}
      </ul>
      {more > 0 && <p class="fs-muted fs-more">and {countText(more)} more</p>}
    </>
  );
}
