/** The selection: counts by class, images, and downloads. */
import { useMemo, useRef, useState } from "preact/hooks";
import { idsText, MOST_IDS } from "../../state/address/selection-text";
import { saveCsv, savePaths, saveZip } from "../../state/exports/exports";
import { type Items, LABEL } from "../../state/items/items";
import { MOST_NAME_LETTERS } from "../../state/selections/named-selections";
import { countText } from "../../state/wording/words";
import { shownText, useApp } from "../context";
import { highlights, IconButton, SidePanel, TextButton } from "../controls/controls";
import { ItemButton } from "../controls/ItemButtons";
import { Icon } from "../controls/icons";
import { Name } from "../controls/Name";
import { seenRows, useViewport } from "../controls/viewport";

const CELL_PX = 72; // side of a thumbnail with its gap
const CLASSES_SHOWN = 100; // the largest classes; the others are counted

export function SelectionPanel() {
  const app = useApp();
  const selection = app.selection.items.value;
  const shown = app.shownOf(selection);
  const inAddress = useMemo(
    () => app.surroundings.embedded || isShareable(app.items, selection),
    [app, selection],
  );
  const mostZipped = app.source.abilities.zip;
  return (
    <SidePanel
      name="Selection"
      heading={`${countText(selection.length)} selected`}
      tools={
        <IconButton
          icon="target"
          label="Zoom to the selection"
          onClick={() => app.navigation.fit(selection)}
        />
      }
      onClose={() => app.closePanel()}
    >
      {shown.length < selection.length && (
        <p class="fs-muted fs-note">{shownText(shown.length, selection.length)} shown</p>
      )}
      {!inAddress && (
        <p class="fs-muted fs-note">Too large for the page’s address: a link omits the selection</p>
      )}
      <div class="fs-actions">
        <TextButton
          title="id, path, label and columns, as a table"
          onClick={() => void saveCsv(app)}
        >
          <Icon name="save" /> CSV
        </TextButton>
        <TextButton title="The paths, one per line" onClick={() => void savePaths(app)}>
          <Icon name="save" /> Paths
        </TextButton>
        {app.source.zip && (
          <TextButton
            title={`The original images, in a ZIP: ${countText(mostZipped)} at most`}
            disabled={selection.length > mostZipped}
            onClick={() => void saveZip(app)}
          >
            <Icon name="save" /> ZIP
          </TextButton>
        )}
        <TextButton onClick={() => app.clearSelection()}>Clear</TextButton>
      </div>
      {app.named && <KeepForm />}
      <ClassCounts selection={selection} />
      <ImageGrid selection={selection} />
    </SidePanel>
  );
}

/** Keeps the selection under a name. */
function KeepForm() {
  const app = useApp();
  const [name, setName] = useState("");
  const trimmed = name.trim();
  const isKnown = app.named?.list.value.some((each) => each.name === trimmed);
  return (
    <form
      class="fs-keep"
      onSubmit={(event) => {
        event.preventDefault();
        if (trimmed === "") return;
        void app.keepSelection(trimmed);
        setName("");
      }}
    >
      <input
        class="fs-input"
        placeholder="Keep as…"
        aria-label="Name of the selection"
        dir="auto"
        maxLength={MOST_NAME_LETTERS}
        value={name}
        onInput={({ currentTarget }) => setName(currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape" && name !== "") {
            setName("");
            event.stopPropagation(); // Escape outside of a text clears the selection
          }
        }}
      />
      <button type="submit" class="fs-button fs-button-text" disabled={trimmed === ""}>
        {isKnown ? "Replace" : "Keep"}
      </button>
    </form>
  );
}

function isShareable(items: Items, selection: Uint32Array): boolean {
  if (selection.length > MOST_IDS) return false;
  return idsText(selection.map((item) => items.id(item))) !== null;
}

/** The number of selected items of each class, largest first: [class code, count]. */
export function classCounts(classes: Uint16Array, selection: Uint32Array): [number, number][] {
  const counts = new Map<number, number>();
  for (const item of selection) {
    const code = classes[item] as number;
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
}

function ClassCounts({ selection }: { readonly selection: Uint32Array }) {
  const app = useApp();
  const { items, manifest } = app;
  if (!items.classes || !manifest.classes) return null;
  const counts = classCounts(items.classes, selection);
  const most = counts[0]?.[1] ?? 1;
  return (
    <ul class="fs-counts" aria-label="Classes of the selection">
      {counts.slice(0, CLASSES_SHOWN).map(([code, number]) => {
        const entry = manifest.classes?.[code];
        const color = app.displayedColor(entry?.color);
        return (
          <li key={code} {...highlights(app, { column: LABEL, code })}>
            <Name
              name={entry?.name ?? "no label"}
              among={items.classNames}
              title={entry?.name ?? ""}
            />
            <span class="fs-bar">
              <i style={{ width: `${(100 * number) / most}%`, background: color }} />
            </span>
            <span class="fs-number">{countText(number)}</span>
          </li>
        );
      })}
      {counts.length > CLASSES_SHOWN && (
        <li class="fs-muted">and {counts.length - CLASSES_SHOWN} more classes</li>
      )}
    </ul>
  );
}

function ImageGrid({ selection }: { readonly selection: Uint32Array }) {
  const scroller = useRef<HTMLDivElement>(null);
  const viewport = useViewport(scroller);
  const perRow = Math.max(1, Math.floor(viewport.width / CELL_PX));
  const rows = Math.ceil(selection.length / perRow);
  const { first, last } = seenRows(viewport, CELL_PX, rows);
  const seen = selection.subarray(first * perRow, last * perRow);
  return (
    <div class="fs-image-grid" ref={scroller}>
      <div class="fs-tall" style={{ height: `${rows * CELL_PX}px` }}>
        <ul
          style={{
            transform: `translateY(${first * CELL_PX}px)`,
            gridTemplateColumns: `repeat(${perRow}, 1fr)`,
          }}
        >
          {Array.from(seen, (item) => (
            <li key={item}>
              <ItemButton item={item} sizePx={64} />
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}
