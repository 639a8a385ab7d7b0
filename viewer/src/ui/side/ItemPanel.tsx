/** One item: its image, its columns and its nearest neighbors. */
import type { ComponentChild } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ItemDetails } from "../../contract";
import { NoAnswerError } from "../../sources/error";
import { findingOf } from "../../state/filters/columns";
import type { ItemFinding } from "../../state/findings/findings";
import { columnFacts } from "../../state/items/item-details";
import type { Neighbor } from "../../state/items/items";
import { useApp } from "../context";
import { IconButton, SidePanel, TextButton } from "../controls/controls";
import { NeighborGrid } from "../controls/ItemButtons";
import { Icon } from "../controls/icons";
import { Name } from "../controls/Name";
import { Original } from "../controls/Original";
import { PathText } from "../controls/PathText";
import { Thumbnail } from "../controls/Thumbnail";
import { LabelButtons } from "./LabelButtons";

const AGAIN_MS = 2000; // until a request is repeated while the server does not answer

/**
 * Read something of an item; the value is null until it has arrived. A late answer for another item
 * is dropped. If the server does not answer, the request is repeated until it does, and `wasAway`
 * is then true.
 */
function useOfItem<T>(
  item: number,
  read: (item: number) => Promise<T>,
): { value: T | null; wasAway: boolean } {
  const app = useApp();
  const [found, setFound] = useState<{ item: number; value: T; wasAway: boolean } | null>(null);
  useEffect(() => {
    let gone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tell = app.messages.temporaryError();
    async function ask(isFirst: boolean): Promise<void> {
      try {
        const value = await read(item);
        if (gone) return;
        setFound({ item, value, wasAway: !isFirst });
        if (!isFirst) tell(null);
      } catch (error) {
        if (gone) return;
        if (!(error instanceof NoAnswerError)) await app.messages.attempt(Promise.reject(error));
        else {
          if (isFirst) tell(error.message);
          timer = setTimeout(() => void ask(false), AGAIN_MS);
        }
      }
    }
    void ask(true);
    return () => {
      gone = true;
      clearTimeout(timer);
      tell(null); // the request is no longer repeated
    };
  }, [item]);
  return found?.item === item ? found : { value: null, wasAway: false };
}

export function ItemPanel({ item }: { readonly item: number }) {
  const app = useApp();
  const { value: details, wasAway } = useOfItem(item, (each) => app.items.allDetails(each));
  const { value: found } = useOfItem(item, (each) => app.findings.of(each));
  const { value: neighbors } = useOfItem(item, (each) => app.items.neighbors(each));
  const selected = app.selection.items.value.includes(item);

  useEffect(() => {
    if (details) app.messages.announce([details.label, details.path].filter(Boolean).join(", "));
  }, [details, app]);

  return (
    <SidePanel
      name="Item"
      heading={<Heading item={item} path={details?.path ?? null} />}
      tools={<HistoryButtons />}
      onClose={() => app.closePanel()}
    >
      <Portrait key={item} item={item} path={details?.path ?? null} wasAway={wasAway} />
      <div class="fs-actions">
        <TextButton onClick={() => app.navigation.fit(Uint32Array.of(item))}>
          <Icon name="target" /> Show on map
        </TextButton>
        <TextButton onClick={() => app.toggleSelected(item)}>
          <Icon name={selected ? "minus" : "plus"} /> {selected ? "Deselect" : "Select"}
        </TextButton>
      </div>
      <ItemFindings found={found ?? []} />
      <Facts details={details} />
      <Neighbors neighbors={neighbors} />
    </SidePanel>
  );
}

/** The class of the item, or the name of its file, or its number. */
function Heading({ item, path }: { readonly item: number; readonly path: string | null }) {
  const app = useApp();
  const label = app.items.classOf(item);
  if (!label)
    return path ? <PathText path={path.replace(/.*\//, "")} /> : <>Item {app.items.id(item)}</>;
  return (
    <span class="fs-label" title={label.name}>
      <i class="fs-swatch" style={{ background: app.displayedColor(label.color) }} />
      <Name name={label.name} among={app.items.classNames} />
    </span>
  );
}

/** Back and Forward through the items that the panel showed. */
function HistoryButtons() {
  const app = useApp();
  const { items, at } = app.panels.history.value;
  return (
    <>
      <IconButton
        icon="back"
        label="Back"
        shortcut="["
        disabled={at <= 0}
        onClick={() => app.step(-1)}
      />
      <IconButton
        icon="forward"
        label="Forward"
        shortcut="]"
        disabled={at >= items.length - 1}
        onClick={() => app.step(1)}
      />
    </>
  );
}

const NO_BROWSER_SHOWS = /\.tiff?$/i;

/** The original image; the largest thumbnail while the original loads, or if there is none. */
function Portrait(props: {
  readonly item: number;
  readonly path: string | null;
  readonly wasAway: boolean;
}) {
  const { item, path, wasAway } = props;
  const app = useApp();
  const alt = path ?? `item ${app.items.id(item)}`;
  const [state, setState] = useState<"loading" | "here" | "gone">("loading");
  const original = app.source.originalUrl?.(app.items.id(item));
  useEffect(() => {
    // the server answers again: load the original, which failed before
    if (wasAway) setState((before) => (before === "gone" ? "loading" : before));
  }, [wasAway]);
  if (!original && !app.hasImages) return null;
  return (
    <figure class="fs-portrait">
      {state !== "here" && <Thumbnail item={item} sizePx={256} alt={alt} />}
      {original && state !== "gone" && (
        <a href={original} target="_blank" rel="noopener" title="Open the original">
          <Original
            hidden={state !== "here"}
            src={original}
            alt={alt}
            onLoad={() => setState("here")}
            onError={() => setState("gone")}
          />
        </a>
      )}
      {original && state === "gone" && (
        <figcaption class="fs-muted">
          {NO_BROWSER_SHOWS.test(alt) ? (
            <>
              A small copy, because browsers cannot show TIFF: <a href={original}>original</a>
            </>
          ) : (
            "The original cannot be read; this is a small copy."
          )}
        </figcaption>
      )}
    </figure>
  );
}

/** The findings about the item; a click opens the section at the finding. */
function ItemFindings({ found }: { readonly found: readonly ItemFinding[] }) {
  const app = useApp();
  if (found.length === 0) return null;
  return (
    <section class="fs-item-findings" aria-label="Findings about the item">
      {found.map(({ section, row }) => (
        <div key={section.name}>
          <button
            type="button"
            class="fs-section-button"
            onClick={() => app.openFindings(section.name, row)}
          >
            <span class="fs-section-title">{section.title}</span>
            <span class="fs-muted fs-finding-text" dir="auto" title={row.text}>
              {row.text}
            </span>
          </button>
          <LabelButtons finding={row} />
        </div>
      ))}
    </section>
  );
}

function Facts({ details }: { readonly details: ItemDetails | null }) {
  const { manifest } = useApp();
  if (!details) return <div class="fs-facts fs-facts-empty" />;
  const rows: [string, ComponentChild][] = columnFacts(details, manifest);
  if (details.path !== null) rows.unshift(["path", <PathText key="path" path={details.path} />]);
  const notes = new Map(
    manifest.columns.map((column) => [findingOf(column)?.title, findingOf(column)?.note]),
  );
  return (
    <dl class="fs-facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt dir="auto">{name}</dt>
          <dd dir="auto">
            {value}
            {notes.has(name) && <span class="fs-muted fs-fact-note">{notes.get(name)}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Neighbors({ neighbors }: { readonly neighbors: readonly Neighbor[] | null }) {
  if (neighbors?.length === 0) return null;
  return (
    <section aria-label="Nearest neighbors">
      <h3 class="fs-section">
        Nearest neighbors <span class="fs-muted">distance in feature space</span>
      </h3>
      {neighbors && <NeighborGrid neighbors={neighbors} />}
    </section>
  );
}
