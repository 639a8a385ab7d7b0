/** All panels above the map. */
import type { ComponentChildren } from "preact";
import type { App } from "../state/app";
import type { Panel } from "../state/view/panels";
import { countText, quotedQuery } from "../state/wording/words";
import { AppContext, useApp } from "./context";
import { IconButton, LinkButton } from "./controls/controls";
import { Icon } from "./controls/icons";
import { DropZone } from "./DropZone";
import { Help } from "./Help";
import { HoverCard } from "./HoverCard";
import { FindingsPanel } from "./side/FindingsPanel";
import { FoundPanel } from "./side/FoundPanel";
import { ItemPanel } from "./side/ItemPanel";
import { PlacedPanel } from "./side/PlacedPanel";
import { SelectionPanel } from "./side/SelectionPanel";
import { Sidebar } from "./sidebar/Sidebar";
import { Toolbar } from "./Toolbar";

export function Viewer({ app, root }: { readonly app: App; readonly root: HTMLElement }) {
  return (
    <AppContext.Provider value={app}>
      <Sidebar />
      <SideDock />
      <FindingsButton />
      <Pills />
      <Toolbar />
      <Messages />
      <HoverCard />
      <DropZone root={root} />
      {app.panels.helpOpen.value && <Help />}
    </AppContext.Provider>
  );
}

function SideDock() {
  const app = useApp();
  switch (app.panels.side.value) {
    case "item":
      return app.panels.item.value === null ? null : <ItemPanel item={app.panels.item.value} />;
    case "selection":
      return app.selection.items.value.length === 0 ? null : <SelectionPanel />;
    case "placed":
      return <PlacedPanel />;
    case "findings":
      return <FindingsPanel />;
    case "found":
      return <FoundPanel />;
    case null:
      return null;
  }
}

/** Opens the findings, where their panel opens. */
function FindingsButton() {
  const app = useApp();
  if (app.panels.side.value !== null) return null;
  return (
    <button
      type="button"
      class="fs-panel fs-findings-button"
      aria-keyshortcuts="f"
      title={`What the map shows about its ${app.noun}s (f)`}
      onClick={() => app.toggleFindings()}
    >
      <Icon name="findings" /> Findings
    </button>
  );
}

/** Buttons that lead back to the findings, the selection and the placed image while their panels are closed. */
function Pills() {
  const app = useApp();
  const { length } = app.selection.items.value;
  const panel = app.panels.side.value;
  const section = app.findings.section.value;
  const query = app.search.foundBy.value;
  const placed = app.panels.placed.value;
  return (
    <div class="fs-pills">
      {query !== null && panel !== "found" && (
        <Pill
          panel="found"
          text={quotedQuery(query)}
          close="End the search"
          onClose={() => {
            app.search.query.value = "";
          }}
        />
      )}
      {section && panel !== "findings" && (
        <Pill
          panel="findings"
          text={section.title}
          close="End the highlight of the findings"
          onClose={() => app.closeSection()}
        />
      )}
      {length > 0 && panel !== "selection" && (
        <Pill
          panel="selection"
          text={`${countText(length)} selected`}
          close="Clear the selection"
          onClose={() => app.clearSelection()}
        />
      )}
      {placed && panel !== "placed" && (
        <Pill
          panel="placed"
          text={placed.name}
          close="Remove the new image"
          onClose={() => {
            app.panels.placed.value = null;
          }}
        />
      )}
    </div>
  );
}

interface PillProps {
  readonly panel: Exclude<Panel, "item">;
  readonly text: string;
  readonly close: string;
  onClose(): void;
}

function Pill({ panel, text, close, onClose }: PillProps) {
  const app = useApp();
  return (
    <div class="fs-panel fs-pill">
      <LinkButton
        onClick={() => {
          app.panels.show(panel);
        }}
      >
        {text}
      </LinkButton>
      <IconButton icon="close" label={close} onClick={onClose} />
    </div>
  );
}

function Status({ children }: { readonly children: ComponentChildren }) {
  return (
    <div class="fs-panel fs-message" role="status" dir="auto">
      {children}
    </div>
  );
}

/** Reports that the view has no items, and offers a way back. */
function EmptyView() {
  const app = useApp();
  if (!app.navigation.viewIsEmpty.value) return null;
  return (
    <Status>
      No items in view
      {app.filters.value.size > 0 && (
        <LinkButton
          onClick={() => {
            app.filters.value = new Map();
          }}
        >
          Clear the filters
        </LinkButton>
      )}
      <LinkButton onClick={() => app.navigation.fit()}>Show all</LinkButton>
    </Status>
  );
}

function Messages() {
  const app = useApp();
  const { error, progress, note, announcement, contextLost } = app.messages;
  return (
    <div class="fs-messages">
      <div class="fs-hidden" role="status" aria-live="polite">
        {announcement.value}
      </div>
      {progress.value && (
        <Status>
          <i class="fs-spinner" />
          {progress.value}
        </Status>
      )}
      {note.value !== null && <Status>{note.value}</Status>}
      {contextLost.value && (
        <Status>
          <i class="fs-spinner" />
          The graphics context was lost. The map returns by itself.
        </Status>
      )}
      <EmptyView />
      {app.navigation.imagesTooSmall.value && !app.navigation.viewIsEmpty.value && (
        <Status>Zoom in to see images</Status>
      )}
      {error.value !== null && (
        <div class="fs-panel fs-message fs-trouble" role="alert">
          <span dir="auto">{error.value}</span>
          <IconButton
            icon="close"
            label="Close the message"
            onClick={() => {
              error.value = null;
            }}
          />
        </div>
      )}
    </div>
  );
}
