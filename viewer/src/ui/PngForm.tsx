/** Saves the view as a PNG, in one of several sizes. */
import { useRef } from "preact/hooks";
import { MOST_PNG_PX } from "../stage/index";
import { savePng } from "../state/exports/exports";
import { useApp } from "./context";

const PRINT_PX = 6000; // half a meter at 300 dots per inch

export function PngForm({ close }: { readonly close: () => void }) {
  const app = useApp();
  const width = useRef<HTMLInputElement>(null);
  const legend = useRef<HTMLInputElement>(null);
  const box = app.surroundings.size();
  const ratio = box.height / box.width;

  function save(wide: number): void {
    void savePng(app, wide, Math.round(wide * ratio), legend.current?.checked ?? false);
    close();
  }

  const onScreen = Math.round(box.width * window.devicePixelRatio);
  const longest = (pixels: number) => Math.floor(pixels / Math.max(ratio, 1));
  const sizes = [
    { name: "Screen size", wide: onScreen },
    { name: "Twice the screen size", wide: onScreen * 2 },
    { name: "For print", wide: longest(PRINT_PX) },
  ];
  return (
    <form
      class="fs-png"
      onSubmit={(event) => {
        event.preventDefault();
        save(width.current?.valueAsNumber ?? box.width);
      }}
    >
      <h2 class="fs-section">Save the view as PNG</h2>
      <label class="fs-png-legend">
        <input ref={legend} type="checkbox" defaultChecked={app.panels.sidebarOpen.value} />
        With the legend
      </label>
      {sizes.map(({ name, wide }) => (
        <button key={name} type="button" class="fs-menu-item" onClick={() => save(wide)}>
          <span>{name}</span>
          <span class="fs-number fs-muted">
            {wide} × {Math.round(wide * ratio)}
          </span>
        </button>
      ))}
      <div class="fs-png-other">
        <label>
          <span class="fs-muted">Width</span>
          <input
            class="fs-input"
            ref={width}
            type="number"
            min={64}
            max={longest(MOST_PNG_PX)}
            defaultValue={String(onScreen * 4)}
            required
          />
        </label>
        <button type="submit" class="fs-button fs-button-text">
          Save
        </button>
      </div>
    </form>
  );
}
