/** The panel at the left: title, search, colors and legend. */
import type { Manifest } from "../../contract";
import { columnTitle, endTexts, findingOf } from "../../state/filters/columns";
import type { Filter } from "../../state/filters/filters";
import { LABEL, withLabel } from "../../state/items/items";
import { hasNames } from "../../state/view/map-names";
import { countText } from "../../state/wording/words";
import { count, shownText, useApp } from "../context";
import { IconButton, Summary } from "../controls/controls";
import { Icon } from "../controls/icons";
import { Facets } from "./Facets";
import { Legend } from "./Legend";
import { NamedSelections } from "./NamedSelections";
import { SearchBox } from "./SearchBox";

/** The value of the search in the list of columns; no column has an empty name. */
const SEARCH = "";

export function Sidebar() {
  const app = useApp();
  const { manifest } = app;
  if (!app.panels.sidebarOpen.value) {
    return (
      <button
        type="button"
        class="fs-panel fs-sidebar-closed"
        aria-label="Open the legend"
        aria-keyshortcuts="b"
        title="Open the legend (b)"
        onClick={() => {
          app.panels.sidebarOpen.value = true;
        }}
      >
        <Icon name="sidebar" />
        <span class="fs-ellipsis" dir="auto">
          {manifest.title}
        </span>
      </button>
    );
  }
  return (
    <section class="fs-panel fs-sidebar" aria-label="Map">
      <header class="fs-panel-head">
        <div class="fs-heading">
          <h1 class="fs-panel-title fs-ellipsis" dir="auto" title={manifest.title}>
            {manifest.title}
          </h1>
          <Count />
        </div>
        <IconButton
          icon="sidebar"
          label="Close the legend"
          shortcut="b"
          onClick={() => {
            app.panels.sidebarOpen.value = false;
          }}
        />
      </header>
      <SearchBox />
      <ColorBy />
      <OtherFilters />
      <div class="fs-sidebar-body">
        <Crop />
        <Names />
        <Legend />
        <Facets />
        <NamedSelections />
        <About />
      </div>
    </section>
  );
}

/** The number of items, or of shown items with a button that selects them: always one line. */
function Count() {
  const app = useApp();
  const { n_items, classes } = app.manifest;
  const nShown = app.nShown.value;
  if (nShown === n_items) {
    const images = count(n_items, app.noun);
    const groups = classes ? ` · ${count(withLabel(classes).length, "class", "classes")}` : "";
    return (
      <p class="fs-muted">
        {images}
        {groups}
      </p>
    );
  }
  return (
    <p class="fs-muted fs-shown">
      <span class="fs-ellipsis">{shownText(nShown, n_items)} shown</span>
      {nShown > 0 && (
        <button
          type="button"
          class="fs-link"
          aria-label="Select what is shown"
          aria-keyshortcuts="a"
          title="Select what is shown (a)"
          onClick={() => void app.selectShown()}
        >
          Select
        </button>
      )}
    </p>
  );
}

function ColorBy() {
  const app = useApp();
  const names = app.colorColumns;
  const { content, coloring } = app.search;
  const query = content.value?.query;
  if (names.length < 2 && query === undefined) return null;
  const isFinding = (name: string) =>
    app.manifest.columns.some((column) => column.name === name && findingOf(column) !== null);
  const found = names.filter(isFinding);
  const option = (name: string) => (
    <option key={name} value={name}>
      {name === LABEL && !app.manifest.classes ? "one color" : columnTitle(app.manifest, name)}
    </option>
  );
  return (
    <label class="fs-color-by">
      <span class="fs-muted">Color by</span>
      <select
        class="fs-input"
        value={coloring ? SEARCH : app.colorBy.value}
        onChange={({ currentTarget }) => {
          if (currentTarget.value === SEARCH) app.search.isColoring.value = true;
          else app.colorMapBy(currentTarget.value);
        }}
      >
        {query !== undefined && <option value={SEARCH}>search: {query}</option>}
        {names.filter((name) => !isFinding(name)).map(option)}
        {found.length > 0 && <optgroup label="Findings">{found.map(option)}</optgroup>}
      </select>
    </label>
  );
}

function Crop() {
  const app = useApp();
  if (app.mode.value === "points" || !app.hasImages) return null;
  return (
    <label class="fs-check" title="Crop images to squares (c)">
      <input
        type="checkbox"
        aria-keyshortcuts="c"
        checked={app.cropped.value}
        onChange={(event) => {
          app.cropped.value = event.currentTarget.checked;
        }}
      />
      Square images
    </label>
  );
}

function Names() {
  const app = useApp();
  if (!hasNames(app.manifest)) return null;
  return (
    <label class="fs-check" title="Write the names of the classes and regions on the map (m)">
      <input
        type="checkbox"
        aria-keyshortcuts="m"
        checked={app.namesShown.value}
        onChange={(event) => {
          app.namesShown.value = event.currentTarget.checked;
        }}
      />
      Names on the map
    </label>
  );
}

/**
 * Active filters on columns whose chart is not open. An open chart shows its filter itself: a line
 * that appears above it would move it between the two clicks of a double click.
 */
function OtherFilters() {
  const app = useApp();
  const others = [...app.filters.value].filter(
    ([column]) => column !== app.colorBy.value && !app.openFacets.value.has(column),
  );
  if (others.length === 0) return null;
  return (
    <ul class="fs-chips" aria-label="Filters">
      {others.map(([column, filter]) => (
        <li key={column}>
          <button
            type="button"
            class="fs-chip"
            title={`Remove the filter on ${columnTitle(app.manifest, column)}`}
            onClick={() => app.setFilter(column, null)}
          >
            <bdi class="fs-ellipsis">{columnTitle(app.manifest, column)}</bdi>
            <span>{filterText(app.manifest, column, filter)}</span>
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}

function filterText(manifest: Manifest, column: string, filter: Filter): string {
  if (filter.kind === "codes") return `${countText(filter.hidden.size)} hidden`;
  return endTexts(manifest, column, [filter.lower, filter.upper]).join(" – ");
}

function About() {
  const { manifest, source } = useApp();
  const facts = Object.entries(manifest.facts);
  if (facts.length === 0 && !source.notice) return null;
  return (
    <footer class="fs-about">
      {source.notice && (
        <p class="fs-notice" role="note">
          {source.notice}
        </p>
      )}
      {facts.length > 0 && (
        <details>
          <Summary>How this map was made</Summary>
          <dl class="fs-facts">
            {facts.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd dir="auto">{value}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </footer>
  );
}
