/** The text search over paths, labels, texts and categories. */
import type { Manifest } from "../../contract";
import { findingOf } from "../../state/filters/columns";
import type { ShownMatches } from "../../state/search/search";
import { countText } from "../../state/wording/words";
import { useApp } from "../context";
import { IconButton, LinkButton } from "../controls/controls";
import { Icon } from "../controls/icons";

const SIMILAR = "By content: the images most similar to the text, by the network of the map";
const RECOGNIZED =
  "By content: the network recognizes the word in these images, with a probability of at least 10 %";
const MOST_NAMED = 2; // text columns named in the field; more are counted

/** Name what the search covers, such as "Find in paths, labels and “note”"; null if nothing. */
export function searchLabel(manifest: Manifest, hasContent = false): string | null {
  const { columns, classes, strings } = manifest;
  const searched = columns.filter(
    (column) => (column.kind === "text" || column.kind === "category") && !findingOf(column),
  );
  const texts = searched.map(({ name }) => `“${name}”`);
  const parts = [
    ...(strings ? ["paths"] : []),
    ...(classes ? ["labels"] : []),
    ...(texts.length > MOST_NAMED ? [`${texts.length} columns`] : texts),
    ...(hasContent ? ["content"] : []),
  ];
  const last = parts.pop();
  if (last === undefined) return null;
  return `Find in ${parts.length > 0 ? `${parts.join(", ")} and ` : ""}${last}`;
}

/**
 * "57 by text, 4 by content" or "38 found"; "3 of 61 found" at a match, and "12 of 38 shown" if a
 * filter hides matches.
 */
function foundText(nFound: number, { byText, byContent }: ShownMatches, at: number): string {
  if (nFound === 0) return "Nothing found";
  const nShown = byText.length + byContent.length;
  const [found, textual, pictured] = [nFound, byText.length, byContent.length].map((number) =>
    countText(number),
  );
  if (nShown < nFound) {
    const shown = `${countText(nShown)} of ${found} shown`;
    return at >= 0 ? `${shown}, at ${countText(at + 1)}` : shown;
  }
  if (at >= 0) return `${countText(at + 1)} of ${found} found`;
  if (byContent.length === 0) return `${found} found`;
  return byText.length === 0 ? `${found} by content` : `${textual} by text, ${pictured} by content`;
}

/** Queries with known words instead of unknown words; a click searches for them. */
function Suggestions() {
  const { search } = useApp();
  const queries = search.suggestions.value;
  if (queries.length === 0) return null;
  return (
    <div class="fs-suggestions">
      <span class="fs-muted">Try:</span>
      {queries.map((query) => (
        <LinkButton
          key={query}
          title={`Search for ${query}`}
          onClick={() => {
            search.query.value = query;
          }}
        >
          {query}
        </LinkButton>
      ))}
    </div>
  );
}

/** Why nothing was found in the content of the images. */
function Hint() {
  const hint = useApp().search.hint.value;
  if (hint === null) return null;
  return (
    <p class="fs-suggestions fs-muted" dir="auto">
      {hint}
    </p>
  );
}

export function SearchBox() {
  const app = useApp();
  const label = searchLabel(app.manifest, app.searchesContent);
  const matches = app.search.matches.value;
  const at = app.search.at.value;
  const shown = app.search.shown.value;
  if (label === null) return null;
  const byContent = app.search.content.value?.measure === "similarity" ? SIMILAR : RECOGNIZED;
  return (
    <search class="fs-search">
      <label class="fs-search-field">
        <Icon name="search" />
        <input
          class="fs-input"
          type="search"
          placeholder={app.searchesContent ? "Find text or content" : label}
          aria-label={label}
          title={`${label}. “A phrase” in quotes, or column:value for every column`}
          aria-keyshortcuts="/"
          dir="auto"
          maxLength={1000}
          spellcheck={false}
          data-search=""
          value={app.search.query.value}
          onInput={(event) => {
            app.search.query.value = event.currentTarget.value;
          }}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            const field = event.currentTarget;
            app.lists.enterFound(() => field.blur());
            event.preventDefault(); // the key would click the image that gets the focus
            event.stopPropagation();
          }}
        />
      </label>
      {matches && (
        <div class="fs-search-found">
          <span title={shown.byContent.length > 0 ? byContent : undefined}>
            {foundText(matches.length, shown, at)}
          </span>
          {matches.length > 0 && (
            <>
              <LinkButton
                title="Select all that was found and is shown"
                onClick={() => app.selectFound()}
              >
                Select
              </LinkButton>
              <IconButton
                icon="up"
                label="Previous match"
                shortcut="Shift+N"
                onClick={() => app.search.step(-1)}
              />
              <IconButton
                icon="down"
                label="Next match"
                shortcut="N"
                onClick={() => app.search.step(1)}
              />
            </>
          )}
        </div>
      )}
      <Suggestions />
      <Hint />
    </search>
  );
}
