/** The legend of a column of numbers, with a range filter. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { AGREEMENT, type NumberColumn } from "../../contract";
import { numberPalette, numberScale, STEPS } from "../../state/colors/scale";
import { valueText } from "../../state/columns";
import { grayText } from "../../state/wording/words";
import { shownText, useApp } from "../context";
import { LinkButton } from "../controls/controls";

/** A column's numbers; null until they are read. `stage-sync` reports a failure to read them. */
function useNumbers(name: string): Float32Array | null {
  const { items } = useApp();
  const [numbers, setNumbers] = useState<Float32Array | null>(null);
  useEffect(() => {
    let gone = false;
    items.column(name).then(
      (values) => {
        if (!gone && values instanceof Float32Array) setNumbers(values);
      },
      (error) => console.warn(`no scale of ${name}: ${error}`),
    );
    return () => {
      gone = true;
    };
  }, [name, items]);
  return numbers;
}

export function NumberLegend({ column }: { readonly column: NumberColumn }) {
  const app = useApp();
  const { name, minimum, maximum } = column;
  const numbers = useNumbers(name);
  const scale = useMemo(
    () => numberScale(numbers ?? new Float32Array(), column),
    [numbers, column],
  );
  const text = (value: number) => valueText(app.manifest, name, value);
  const filter = app.filters.value.get(name);
  const lower = filter?.kind === "range" ? filter.lower : minimum;
  const upper = filter?.kind === "range" ? filter.upper : maximum;

  function keep(from: number, to: number): void {
    const all = from <= minimum && to >= maximum;
    app.setFilter(name, all ? null : { kind: "range", lower: from, upper: to });
  }

  const handle = (label: string, value: number, onValue: (value: number) => void) => (
    <input
      type="range"
      min={scale.at(minimum)}
      max={scale.at(maximum)}
      step="any"
      value={scale.at(value)}
      aria-label={label}
      aria-valuetext={text(value)}
      onInput={(event) => onValue(scale.from(event.currentTarget.valueAsNumber))}
    />
  );
  const gradient = numberPalette(app.theme.value)
    .filter((_, i) => i % 8 === 0 || i === STEPS - 1)
    .join(",");
  return (
    <section class="fs-legend" aria-label="Legend">
      <div class="fs-legend-head fs-muted">
        {shownText(app.nShown.value, app.items.count)} shown
      </div>
      <div class="fs-scale" style={{ background: `linear-gradient(to right, ${gradient})` }} />
      {maximum > minimum && (
        <div class="fs-range">
          {handle("At least", lower, (value) => keep(Math.min(value, upper), upper))}
          {handle("At most", upper, (value) => keep(lower, Math.max(value, lower)))}
        </div>
      )}
      <div class="fs-scale-ends">
        <span>{lower < scale.lowest ? `≤ ${text(scale.lowest)}` : text(lower)}</span>
        {filter && <LinkButton onClick={() => app.setFilter(name, null)}>Show all</LinkButton>}
        <span>{text(upper)}</span>
      </div>
      {scale.logarithmic && (
        <p class="fs-muted fs-scale-note">
          Logarithmic scale; the middle is{" "}
          {text(scale.from((scale.at(minimum) + scale.at(maximum)) / 2))}
        </p>
      )}
      {column.finding && <p class="fs-muted fs-scale-note">{column.finding.note}</p>}
      {name === AGREEMENT && app.manifest.classes && (
        <p class="fs-muted fs-scale-note">
          Share of an image’s nearest neighbors that have the same label
        </p>
      )}
      {numbers && <WithoutNumber numbers={numbers} />}
    </section>
  );
}

function WithoutNumber({ numbers }: { readonly numbers: Float32Array }) {
  const gray = useMemo(() => grayText(numbers), [numbers]);
  return gray && <p class="fs-muted fs-scale-note">{gray}</p>;
}
