/** The toolbar below the map: views, tools, zoom and more. */
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Tool } from "../stage/index";
import type { ViewMode } from "../state/address/address";
import { placeImage } from "../state/view/place";
import { useApp } from "./context";
import { IconButton, Popover } from "./controls/controls";
import { Icon, type IconName } from "./controls/icons";
import { PngForm } from "./PngForm";

export const MODES: Readonly<Record<ViewMode, { icon: IconName; label: string; key: string }>> = {
  points: { icon: "points", label: "Points", key: "1" },
  images: { icon: "images", label: "Images", key: "2" },
  grid: { icon: "grid", label: "Grid", key: "3" },
};

const TOOLS: readonly { tool: Tool; label: string; label3d?: string; key: string }[] = [
  { tool: "pan", label: "Move the map", label3d: "Turn the map", key: "v" },
  { tool: "lasso", label: "Select with a lasso", key: "l" },
  { tool: "rectangle", label: "Select with a rectangle", key: "r" },
];

export const ZOOM_STEP = 1.5; // factor of the scale per click or key

const STOPS = "fieldset > button, fieldset > .fs-popover-holder > button";

/** Make the toolbar one Tab stop, as the ARIA pattern requires: arrow keys move between its buttons. */
function useArrows(bar: RefObject<HTMLDivElement | null>) {
  const buttons = () => [...(bar.current?.querySelectorAll<HTMLButtonElement>(STOPS) ?? [])];

  function stopAt(stop: Element | undefined): void {
    for (const button of buttons()) button.tabIndex = button === stop ? 0 : -1;
  }

  useEffect(() => stopAt(buttons()[0]), []);

  function onFocusIn(event: FocusEvent): void {
    const at = event.target as Element;
    if (at.matches(STOPS)) stopAt(at);
  }

  function onKeyDown(event: KeyboardEvent): void {
    const all = buttons();
    const at = all.indexOf(event.target as HTMLButtonElement);
    if (at < 0) return; // the focus is in a popover
    const moves: Record<string, number> = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: all.length - 1,
    };
    const to = moves[event.key];
    if (to === undefined) return;
    all[(to + all.length) % all.length]?.focus();
    event.preventDefault();
    event.stopPropagation();
  }

  return { onFocusIn, onKeyDown };
}

export function Toolbar() {
  const app = useApp();
  const bar = useRef<HTMLDivElement>(null);
  return (
    <div
      class="fs-panel fs-toolbar"
      role="toolbar"
      aria-label="Map tools"
      ref={bar}
      {...useArrows(bar)}
    >
      {app.modes.length > 1 && (
        <fieldset class="fs-group fs-modes" aria-label="View">
          {app.modes.map((mode) => (
            <ModeButton key={mode} mode={mode} />
          ))}
        </fieldset>
      )}
      <fieldset class="fs-group" aria-label="Drag">
        {TOOLS.map(({ tool, label, label3d = label, key }) => (
          <IconButton
            key={tool}
            icon={tool}
            label={app.manifest.n_dimensions === 3 ? label3d : label}
            shortcut={key}
            pressed={app.tool.value === tool}
            onClick={() => {
              app.tool.value = tool;
            }}
          />
        ))}
      </fieldset>
      <fieldset class="fs-group" aria-label="Zoom">
        <IconButton
          icon="minus"
          label="Zoom out"
          shortcut="-"
          onClick={() => app.stage?.zoom(1 / ZOOM_STEP)}
        />
        <IconButton icon="fit" label="Show all" shortcut="0" onClick={() => app.navigation.fit()} />
        <IconButton
          icon="plus"
          label="Zoom in"
          shortcut="+"
          onClick={() => app.stage?.zoom(ZOOM_STEP)}
        />
      </fieldset>
      <fieldset class="fs-group" aria-label="More">
        {app.source.place && <PlaceButton />}
        <Popover icon="picture" label="Save a picture">
          {(close) => <PngForm close={close} />}
        </Popover>
        <ThemeButton />
        <IconButton
          icon="help"
          label="Help"
          shortcut="?"
          onClick={() => {
            app.panels.helpOpen.value = true;
          }}
        />
      </fieldset>
    </div>
  );
}

function ModeButton({ mode }: { readonly mode: ViewMode }) {
  const app = useApp();
  const { icon, label, key } = MODES[mode];
  return (
    <button
      type="button"
      class="fs-button fs-button-mode"
      aria-pressed={app.mode.value === mode}
      aria-label={label}
      aria-keyshortcuts={key}
      title={`${label} (${key})`}
      onClick={() => {
        app.mode.value = mode;
      }}
    >
      <Icon name={icon} />
      <span class="fs-wide-only">{label}</span>
    </button>
  );
}

function ThemeButton() {
  const app = useApp();
  const dark = app.theme.value === "dark";
  return (
    <IconButton
      icon={dark ? "sun" : "moon"}
      label={dark ? "Light" : "Dark"}
      shortcut="t"
      onClick={() => app.toggleTheme()}
    />
  );
}

/** Choose a file to place: the alternative to dropping an image on the page. */
function PlaceButton() {
  const app = useApp();
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <IconButton
        icon="drop"
        label="Place an image on the map"
        onClick={() => input.current?.click()}
      />
      <input
        ref={input}
        type="file"
        accept="image/*"
        hidden
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file) void placeImage(app, file);
          event.currentTarget.value = "";
        }}
      />
    </>
  );
}
