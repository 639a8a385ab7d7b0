/** A card next to the pointer with a larger image and the item's details. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { ItemDetails, RegionName } from "../contract";
import type { Point } from "../stage";
import { columnNamed, findingOf, valueText } from "../state/filters/columns";
import { FALSE_FRIENDS, MOST_FALSE } from "../state/findings/findings";
import { columnFacts } from "../state/items/item-details";
import { countText } from "../state/wording/words";
import { useApp } from "./context";
import { Name } from "./controls/Name";
import { PathText } from "./controls/PathText";
import { Thumbnail } from "./controls/Thumbnail";

const REST_MS = 50; // a moving pointer requests nothing
const GAP_PX = 16; // between the pointer and the card
const EDGE_PX = 8; // least distance of the card from the edge of the stage
const COLUMNS_SHOWN = 6; // the item's panel shows all columns

export function HoverCard() {
  const app = useApp();
  const hover = app.navigation.hover.value;
  const cursor = app.navigation.cursor.value;
  if (cursor !== null) app.navigation.viewMoves.value; // read, so that the card moves with its item
  const at = hover?.at ?? (cursor === null ? null : app.stage?.locate(cursor));
  const item = hover?.item ?? cursor;
  // the open item panel already shows the item
  if (item === null || item === undefined || !at) return null;
  if (!hover && app.panels.side.value === "item") return null;
  if (hover?.region) return <RegionCard item={item} region={hover.region} at={at} />;
  return <ItemCard item={item} at={at} />;
}

interface CardProps {
  readonly item: number;
  readonly at: Point;
}

/** The image that represents a region, and the name of the region. */
function RegionCard({ item, at, region }: CardProps & { readonly region: RegionName }) {
  const app = useApp();
  const card = useBeside(at, [region]);
  return (
    <div class="fs-panel fs-card" ref={card} aria-hidden="true">
      {app.hasImages && <Thumbnail item={item} sizePx={128} alt="" />}
      <div class="fs-label" dir="auto">
        {region.name}
      </div>
      <div class="fs-path fs-muted">
        region of {countText(region.n_items)} {app.noun}s
      </div>
    </div>
  );
}

/** Returns the reference of a card that is placed next to a position of the stage. */
function useBeside({ x, y }: Point, contents: readonly unknown[]) {
  const card = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = card.current;
    const room = element?.parentElement;
    if (!element || !room) return;
    const { offsetWidth: width, offsetHeight: height } = element;
    const right = x + GAP_PX + width <= room.clientWidth;
    const left = right ? x + GAP_PX : Math.max(0, x - GAP_PX - width);
    const top = Math.max(EDGE_PX, Math.min(y + GAP_PX, room.clientHeight - height - EDGE_PX));
    element.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }, [x, y, ...contents]);
  return card;
}

function ItemCard({ item, at }: CardProps) {
  const app = useApp();
  const details = useDetails(item);
  const card = useBeside(at, [item, details]);
  const torn = app.navigation.torn.value;
  const label = app.items.classOf(item);
  const known = details?.id === app.items.id(item) ? details : null;
  return (
    <div class="fs-panel fs-card" ref={card} aria-hidden="true">
      {app.hasImages && <Thumbnail item={item} sizePx={128} alt="" />}
      {label && (
        <div class="fs-label">
          <i class="fs-swatch" style={{ background: app.displayedColor(label.color) }} />
          <Name name={label.name} among={app.items.classNames} />
        </div>
      )}
      {known?.path && (
        <div class="fs-path fs-muted" dir="auto">
          <PathText path={known.path} />
        </div>
      )}
      {known && <Columns details={known} />}
      {torn && torn.elsewhere.length > 0 && (
        <p class="fs-torn fs-muted">
          {torn.elsewhere.length} of the {torn.total} most similar {app.noun}s are elsewhere on the
          map
        </p>
      )}
      {known && <FalseFriends details={known} />}
    </div>
  );
}

/** Warns of an item of which most nearest items on the map are not similar. */
function FalseFriends({ details }: { readonly details: ItemDetails }) {
  const app = useApp();
  const share = details.columns[FALSE_FRIENDS];
  if (typeof share !== "number" || share <= MOST_FALSE) return null;
  return (
    <p class="fs-torn fs-muted">
      {valueText(app.manifest, FALSE_FRIENDS, share)} of the nearest {app.noun}s on the map are not
      similar
    </p>
  );
}

/** The details of an item, null until they arrive. The map then also marks the torn neighbors. */
function useDetails(item: number): ItemDetails | null {
  const app = useApp();
  const [details, setDetails] = useState<ItemDetails | null>(null);
  const { torn } = app.navigation;

  useEffect(() => {
    let gone = false;
    const timer = setTimeout(() => {
      app.items.details(item).then(
        (found) => !gone && setDetails(found),
        (error) => console.warn(`no details of item ${app.items.id(item)}: ${error}`),
      );
      app.items.tornNeighbors(item).then(
        (found) => {
          if (!gone) torn.value = found;
        },
        (error) => console.warn(`no neighbors of item ${app.items.id(item)}: ${error}`),
      );
    }, REST_MS);
    return () => {
      gone = true;
      clearTimeout(timer);
      torn.value = null;
    };
  }, [item, app]);

  return details;
}

/** The columns of an item; of the scores of the findings only the one that colors the map. */
function Columns({ details }: { readonly details: ItemDetails }) {
  const { manifest, colorBy } = useApp();
  const columns = Object.entries(details.columns).filter(([name]) => {
    const column = columnNamed(manifest, name);
    return name === colorBy.value || column?.kind !== "number" || !findingOf(column);
  });
  const rows = columnFacts({ ...details, columns: Object.fromEntries(columns) }, manifest);
  if (rows.length === 0) return null;
  return (
    <dl class="fs-card-columns">
      {rows.slice(0, COLUMNS_SHOWN).map(([name, value]) => (
        <div key={name}>
          <dt>
            <bdi>{name}</bdi>
          </dt>
          <dd dir="auto">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
