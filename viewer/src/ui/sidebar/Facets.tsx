/** A chart of each column that does not color the map. All charts filter, and their filters combine. */
import { columnNote, columnTitle } from "../../state/filters/columns";
import { useApp } from "../context";
import { IconButton, revealOpened } from "../controls/controls";
import { Icon } from "../controls/icons";
import { Histogram } from "./Histogram";
import { ClassLegend } from "./Legend";

export function Facets() {
  const app = useApp();
  const names = app.facets;
  if (names.length === 0) return null;
  return (
    <section class="fs-facets" aria-label="Columns">
      {names.map((name) => (
        <Facet key={name} name={name} />
      ))}
    </section>
  );
}

function Facet({ name }: { readonly name: string }) {
  const app = useApp();
  const isOpen = app.openFacets.value.has(name);
  const title = columnTitle(app.manifest, name);
  return (
    <section class="fs-facet" aria-label={title}>
      <header class="fs-facet-head">
        <button
          type="button"
          class="fs-facet-toggle"
          aria-expanded={isOpen}
          title={columnNote(app.manifest, name) ?? title}
          onClick={(event) => {
            app.toggleFacet(name);
            revealOpened(event);
          }}
        >
          <Icon name={isOpen ? "down" : "forward"} />
          <bdi class="fs-ellipsis">{title}</bdi>
        </button>
        <IconButton
          icon="palette"
          label={`Color the map by ${title}`}
          onClick={() => {
            app.colorMapBy(name);
          }}
        />
      </header>
      {isOpen && <FacetChart name={name} />}
    </section>
  );
}

function FacetChart({ name }: { readonly name: string }) {
  const app = useApp();
  const column = app.scaleColumn(name);
  const values = app.columns.value.get(name);
  if (!values) return <div class="fs-facet-wait" />; // the column is being read
  if (values instanceof Uint16Array) return <ClassLegend name={name} />;
  return column && <Histogram column={column} values={values} />;
}
