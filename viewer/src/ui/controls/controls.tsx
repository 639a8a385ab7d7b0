/** Controls that the panels share. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { on } from "../../events";
import type { App } from "../../state/app";
import type { Highlight } from "../../state/view/navigation";
import { Icon, type IconName } from "./icons";

interface IconButtonProps {
  readonly icon: IconName;
  readonly label: string;
  readonly shortcut?: string;
  readonly pressed?: boolean;
  readonly disabled?: boolean;
  onClick(): void;
}

export function IconButton({ icon, label, shortcut, pressed, disabled, onClick }: IconButtonProps) {
  return (
    <button
      type="button"
      class="fs-button fs-button-icon"
      aria-label={label}
      aria-pressed={pressed}
      aria-keyshortcuts={shortcut}
      title={shortcut ? `${label} (${shortcut})` : label}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}

interface TextButtonProps {
  readonly children: ComponentChildren;
  readonly title?: string;
  readonly pressed?: boolean;
  readonly disabled?: boolean;
  onClick(): void;
}

export function TextButton({ children, title, pressed, disabled, onClick }: TextButtonProps) {
  return (
    <button
      type="button"
      class="fs-button fs-button-text"
      aria-pressed={pressed}
      title={title}
      disabled={disabled}
      onClick={onClick}
    >
      {children}
    </button>
  );
}

export function LinkButton({ children, title, onClick }: TextButtonProps) {
  return (
    <button type="button" class="fs-link" title={title} onClick={onClick}>
      {children}
    </button>
  );
}

/**
 * Scroll the section whose heading was clicked into view, after the section has opened. The event
 * `toggle` of <details> does not serve: the browser also sends it for a section that is open at the
 * start.
 */
export function revealOpened({ currentTarget }: { readonly currentTarget: Element }): void {
  const section = currentTarget.closest("details, section");
  requestAnimationFrame(() => section?.scrollIntoView({ block: "nearest" }));
}

/** The heading of <details>, which opens in view. */
export function Summary({ children }: { readonly children: ComponentChildren }) {
  // biome-ignore lint/a11y/noStaticElementInteractions: a summary acts as a button
  return <summary onClick={revealOpened}>{children}</summary>;
}

/** The pointer events of an entry that highlights its class on the map. */
export function highlights(app: App, highlight: Highlight) {
  return {
    onPointerEnter(event: PointerEvent) {
      if (event.pointerType !== "touch") app.navigation.highlightSoon(highlight);
    },
    onPointerLeave() {
      app.navigation.highlightSoon(null);
    },
  };
}

/** A panel at the right, with a heading and a close button. */
export function SidePanel(props: {
  readonly name: string;
  readonly heading: ComponentChildren;
  readonly tools?: ComponentChildren;
  readonly children: ComponentChildren;
  /** True for a panel with large images. */
  readonly wide?: boolean;
  onClose(): void;
}) {
  return (
    <aside
      class={props.wide ? "fs-panel fs-side fs-side-wide" : "fs-panel fs-side"}
      aria-label={props.name}
    >
      <header class="fs-panel-head">
        <h2 class="fs-panel-title">{props.heading}</h2>
        {props.tools}
        <IconButton icon="close" label="Close" shortcut="Escape" onClick={props.onClose} />
      </header>
      <div class="fs-panel-body">{props.children}</div>
    </aside>
  );
}

/** A button that opens a small panel above itself. */
export function Popover(props: {
  readonly icon: IconName;
  readonly label: string;
  readonly children: (close: () => void) => ComponentChildren;
}) {
  const [open, setOpen] = useState(false);
  const holder = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!open) return undefined;
    const outside = (event: Event) => {
      if (!holder.current?.contains(event.target as Node)) setOpen(false);
    };
    return on(document, "pointerdown", outside);
  }, [open]);

  function close(): void {
    setOpen(false);
    holder.current?.querySelector("button")?.focus();
  }

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only hears Escape from the controls within
    <div
      class="fs-popover-holder"
      ref={holder}
      onKeyDown={(event) => {
        if (open && event.key === "Escape") {
          event.stopPropagation();
          close();
        }
      }}
    >
      <button
        type="button"
        class="fs-button fs-button-icon"
        aria-label={props.label}
        aria-expanded={open}
        title={props.label}
        onClick={() => setOpen(!open)}
      >
        <Icon name={props.icon} />
      </button>
      {open && (
        <section class="fs-panel fs-popover" aria-label={props.label}>
          {props.children(close)}
        </section>
      )}
    </div>
  );
}
