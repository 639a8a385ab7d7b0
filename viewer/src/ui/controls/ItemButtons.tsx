/** A grid of thumbnails; a click opens the item. */
import { useEffect, useState } from "preact/hooks";
import type { Neighbor } from "../../state/items/items";
import { readableTogether } from "../../state/wording/words";
import { useApp } from "../context";
import { Thumbnail } from "./Thumbnail";

/** An item's name for titles and screen readers; the path is loaded asynchronously. */
function useItemName(item: number): string {
  const { items } = useApp();
  const label = items.classOf(item)?.name;
  const [path, setPath] = useState<{ item: number; path: string } | null>(null);
  useEffect(() => {
    let gone = false;
    items.path(item).then(
      (found) => !gone && setPath({ item, path: found }),
      (error) => console.warn(`The path of item ${items.id(item)} could not be read: ${error}`),
    );
    return () => {
      gone = true;
    };
  }, [item, items]);
  const known = path?.item === item ? path.path : `item ${items.id(item)}`;
  return label ? `${label}, ${known}` : known;
}

interface ItemButtonProps {
  readonly item: number;
  readonly sizePx: number;
  readonly caption?: string;
  /** Called instead of opening the item. */
  readonly onChoose?: () => void;
  readonly isChosen?: boolean;
}

export function ItemButton({ item, sizePx, caption, onChoose, isChosen }: ItemButtonProps) {
  const app = useApp();
  const name = useItemName(item);
  const unpoint = () => {
    if (app.navigation.hoveredInPanel.peek() === item) app.navigation.hoveredInPanel.value = null;
  };
  // No pointerleave event follows if the list is removed under the pointer.
  useEffect(() => unpoint, [item]);
  return (
    <button
      type="button"
      class="fs-item-button"
      aria-label={caption ? `${name}, distance ${caption}` : name}
      aria-pressed={isChosen}
      title={name}
      onClick={() => (onChoose ? onChoose() : app.goTo(item))}
      onPointerEnter={() => {
        app.navigation.hoveredInPanel.value = item;
      }}
      onPointerLeave={unpoint}
    >
      {app.hasImages ? (
        <Thumbnail item={item} sizePx={sizePx} alt="" />
      ) : (
        <span class="fs-label">
          <i
            class="fs-swatch"
            style={{
              background: app.displayedColor(app.items.classOf(item)?.color),
            }}
          />
          <bdi class="fs-ellipsis">{caption ? name : `${app.items.id(item)}`}</bdi>
        </span>
      )}
      {caption && <span class="fs-caption">{caption}</span>}
    </button>
  );
}

/** The path of an item; empty until it has been read. */
export function ItemPath({ item }: { readonly item: number }) {
  const { items } = useApp();
  const [path, setPath] = useState("");
  useEffect(() => {
    let gone = false;
    items.path(item).then(
      (found) => !gone && setPath(found),
      (error) => console.warn(`no path of item ${items.id(item)}: ${error}`),
    );
    return () => {
      gone = true;
    };
  }, [item]);
  return (
    <span class="fs-path fs-muted fs-ellipsis" title={path}>
      <bdi>{path}</bdi>
    </span>
  );
}

/** The nearest neighbors. The map shows them while the list is open. */
export function NeighborGrid({ neighbors }: { readonly neighbors: readonly Neighbor[] }) {
  const { hasImages, panels } = useApp();
  const nearest = neighbors.slice(0, 12);
  useEffect(() => {
    panels.neighbors.value = nearest.map(({ item }) => item);
    return () => {
      panels.neighbors.value = [];
    };
  }, [neighbors, panels]);
  const distances = readableTogether(nearest.map(({ distance }) => distance));
  return (
    <ul class={hasImages ? "fs-neighbors" : "fs-neighbors fs-neighbors-named"}>
      {nearest.map(({ item }, i) => (
        <li key={item}>
          <ItemButton item={item} sizePx={64} caption={distances[i] ?? ""} />
        </li>
      ))}
    </ul>
  );
}
