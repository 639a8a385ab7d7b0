/** What a search finds: the items whose texts match, then the items found by their content. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Manifest } from "../../contract";
import { type Content, scoreText } from "../../state/search/contents";
import { dividedQuery } from "../../state/search/values";
import { countText, quotedQuery } from "../../state/wording/words";
import { count, useApp } from "../context";
import { ClassName } from "../controls/ClassName";
import { SidePanel, TextButton } from "../controls/controls";
import { ItemButton, ItemPath } from "../controls/ItemButtons";
import { Icon } from "../controls/icons";
import { StepButtons } from "./StepButtons";

export function FoundPanel() {
  const app = useApp();
  const { foundBy, content, shown, listed, best, bestAt } = app.search;
  const lists = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    // the focus follows the keys J and K before the next key, so that Enter opens the image
    lists.current?.querySelector<HTMLElement>("[aria-current] button")?.focus();
  }, [bestAt.value]);
  const found = content.value;
  if (foundBy.value === null) return null;
  const by = comparison(foundBy.value, app.manifest);
  const { byText, byContent } = shown.value;
  const nByText = listed.value.byText.length;
  const nByContent = listed.value.byContent.length;
  // no bars if the search finds no content in any of the images that are listed by text
  const scored =
    found && best.value.subarray(0, nByText).some((item) => found.items.includes(item))
      ? found
      : null;
  const rows = (first: number, end?: number) =>
    Array.from(best.value.subarray(first, end), (item, i) => (
      <FoundRow key={item} item={item} found={found} active={first + i === bestAt.value} />
    ));
  return (
    <SidePanel
      name="Found"
      heading={<bdi>{quotedQuery(foundBy.value)}</bdi>}
      tools={<StepButtons noun={app.noun} />}
      onClose={() => app.closePanel()}
    >
      {nByText + nByContent === 0 ? (
        <p class="fs-note fs-muted">The filters hide all {app.noun}s that the search found.</p>
      ) : (
        <div class="fs-actions">
          <TextButton
            title="Select all that was found and is shown"
            onClick={() => app.selectFound()}
          >
            <Icon name="plus" /> Select {count(byText.length + byContent.length, app.noun)}
          </TextButton>
        </div>
      )}
      <div class="fs-found-groups" ref={lists}>
        {nByText > 0 && (
          <Group name={textNote(by, scored, byText.length, nByText)}>{rows(0, nByText)}</Group>
        )}
        {found && nByContent > 0 && (
          <Group name={contentNote(found, byContent.length, nByContent)}>{rows(nByText)}</Group>
        )}
      </div>
    </SidePanel>
  );
}

/** What the query compares: texts, the values of columns, or both. */
function comparison(query: string, manifest: Manifest): string {
  const { rest, terms } = dividedQuery(query, manifest);
  if (terms.length === 0) return "text";
  return rest === "" ? "value" : "text and value";
}

function textNote(by: string, content: Content | null, nFound: number, nListed: number): string {
  const text = `${countText(nFound)} by ${by}`;
  if (content === null) return nListed === nFound ? text : `${text}, the first ${nListed}`;
  const isSimilarity = content.measure === "similarity";
  if (nListed < nFound)
    return `${text}, the ${nListed} most ${isSimilarity ? "similar" : "probable"}`;
  return `${text}, with ${isSimilarity ? "the similarity to the text" : "the network's probability"}`;
}

function contentNote({ measure }: Content, nFound: number, nListed: number): string {
  const found = `${countText(nFound)} by content`;
  if (measure === "similarity") return `${found}, the most similar to the text`;
  if (nListed < nFound) return `${found}, the ${nListed} most probable`;
  return `${found}, with the network's probability`;
}

interface GroupProps {
  readonly name: string;
  readonly children: ComponentChildren;
}

function Group({ name, children }: GroupProps) {
  return (
    <section aria-label={name}>
      <p class="fs-note fs-muted">{name}</p>
      <ol class="fs-found">{children}</ol>
    </section>
  );
}

interface RowProps {
  readonly item: number;
  /** What the search found in the content of the images. */
  readonly found: Content | null;
  readonly active: boolean;
}

function FoundRow({ item, found, active }: RowProps) {
  const app = useApp();
  const label = app.items.classOf(item);
  return (
    <li aria-current={active ? "true" : undefined}>
      <ItemButton item={item} sizePx={64} />
      <div class="fs-found-facts">
        {label && <ClassName name={label.name} color={label.color} />}
        <ItemPath item={item} />
        {found?.items.includes(item) && <Score found={found} score={found.scores[item] ?? 0} />}
      </div>
    </li>
  );
}

function Score({ found, score }: { readonly found: Content; readonly score: number }) {
  const [low, high] = found.range;
  const title =
    found.measure === "probability"
      ? "Probability by the network that the image shows this"
      : "Similarity of the image to the text";
  return (
    <>
      <span class="fs-bar" title={title}>
        <i style={{ width: `${(100 * (score - low)) / (high - low || 1)}%` }} />
      </span>
      <span class="fs-number" title={title}>
        {scoreText(found, score)}
      </span>
    </>
  );
}
