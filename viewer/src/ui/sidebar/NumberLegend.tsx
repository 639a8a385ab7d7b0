/** The legend of a column of numbers or dates. */
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { columnScale } from "../../state/colors/scale";
import { columnNote, valueText } from "../../state/filters/columns";
import { grayText } from "../../state/wording/words";
import { shownText, useApp } from "../context";
import { Histogram, type ScaleProps } from "./Histogram";

/** What the colors of a legend mean. */
export function ScaleNote({ children }: { readonly children: ComponentChildren }) {
  return <p class="fs-muted fs-scale-note">{children}</p>;
}

export function NumberLegend({ column, values }: ScaleProps) {
  const app = useApp();
  const { name, minimum, maximum } = column;
  const scale = useMemo(() => columnScale(column, values), [column, values]);
  const note = columnNote(app.manifest, name);
  const gray = useMemo(() => grayText(values), [values]);
  return (
    <section class="fs-legend" aria-label="Legend">
      <div class="fs-legend-head fs-muted">
        {shownText(app.nShown.value, app.items.count)} shown
      </div>
      <Histogram column={column} values={values} />
      {scale.logarithmic && (
        <ScaleNote>
          Logarithmic scale; the middle is{" "}
          {valueText(app.manifest, name, scale.from((scale.at(minimum) + scale.at(maximum)) / 2))}
        </ScaleNote>
      )}
      {note && <ScaleNote>{note}</ScaleNote>}
      {gray && <ScaleNote>{gray}</ScaleNote>}
    </section>
  );
}
