/** The visible part of a long list. */
import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import { on } from "../../events";

export interface Viewport {
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

const BEFORE_MEASURED: Viewport = { top: 0, width: 300, height: 400 };

export function useViewport(ref: RefObject<HTMLElement | null>): Viewport {
  const [viewport, setViewport] = useState(BEFORE_MEASURED);
  useEffect(() => {
    const element = ref.current;
    if (!element) return undefined;
    const measure = () =>
      setViewport({
        top: element.scrollTop,
        width: element.clientWidth || BEFORE_MEASURED.width,
        height: element.clientHeight || BEFORE_MEASURED.height,
      });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    const stop = on(element, "scroll", measure, { passive: true });
    measure();
    return () => {
      observer.disconnect();
      stop();
    };
  }, [ref]);
  return viewport;
}

/** The rows to render: the visible rows and a few around them. */
export function seenRows(
  viewport: Viewport,
  rowHeight: number,
  count: number,
): { readonly first: number; readonly last: number } {
  const first = Math.max(0, Math.floor(viewport.top / rowHeight) - 4);
  const last = Math.min(count, Math.ceil((viewport.top + viewport.height) / rowHeight) + 4);
  return { first, last };
}
