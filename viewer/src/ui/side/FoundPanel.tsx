/** The images in which the network recognizes what a query names, the most probable first. */
import { useEffect, useRef, useState } from "preact/hooks";
import { type Content, scoreText } from "../../state/search/search";
import { count, useApp } from "../context";
import { SidePanel, TextButton } from "../controls/controls";
import { ItemButton } from "../controls/ItemButtons";
import { Icon } from "../controls/icons";
import { ClassName } from "./FindingEntry";
import { StepButtons } from "./StepButtons";

export function FoundPanel() {
  const app = useApp();
  const { content, best, bestAt } = app.search;
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    // the focus follows the keys J and K, so that Enter opens the image
    list.current?.querySelector<HTMLElement>("[aria-current] button")?.focus();
  }, [bestAt.value]);
  const found = content.value;
  if (!found) return null;
  const shown = app.shownOf(found.items);
  const nFound = shown.length;
  const nListed = best.value.length;
  return (
    <SidePanel
      name="Found"
      heading={<bdi>“{found.query}”</bdi>}
      tools={<StepButtons noun="image" />}
      onClose={() => app.closePanel()}
    >
      <p class="fs-note fs-muted">
        {found.measure === "similarity"
          ? `The ${count(nFound, "image")} most similar to the text`
          : nListed < nFound
            ? `The ${nListed} most probable of ${count(nFound, "image")}`
            : `${count(nFound, "image")}, with the network's probability`}
      </p>
      <div class="fs-actions">
        <TextButton title="Select all images with this content" onClick={() => app.select(shown)}>
          <Icon name="plus" /> Select {count(nFound, "image")}
        </TextButton>
      </div>
      <ol class="fs-found" ref={list}>
        {Array.from(best.value, (item, i) => (
          <FoundRow key={item} item={item} found={found} active={i === bestAt.value} />
        ))}
      </ol>
    </SidePanel>
  );
}

interface RowProps {
  readonly item: number;
  readonly found: Content;
  readonly active: boolean;
}

function FoundRow({ item, found, active }: RowProps) {
  const app = useApp();
  const score = found.scores[item] ?? 0;
  const [low, high] = found.range;
  const label = app.items.classOf(item);
  return (
    <li aria-current={active ? "true" : undefined}>
      <ItemButton item={item} sizePx={64} />
      <div class="fs-found-facts">
        {label && <ClassName name={label.name} color={label.color} />}
        <Path item={item} />
        <span class="fs-bar">
          <i style={{ width: `${(100 * (score - low)) / (high - low || 1)}%` }} />
        </span>
        <span class="fs-number">{scoreText(found, score)}</span>
      </div>
    </li>
  );
}

/** The path of an item; empty until it has been read. */
function Path({ item }: { readonly item: number }) {
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
