/** An item's thumbnail; a patch of the class color until it has loaded. */
import { useEffect, useState } from "preact/hooks";
import { useApp } from "../context";

interface ThumbnailProps {
  readonly item: number;
  readonly sizePx: number;
  readonly alt: string;
}

export function Thumbnail({ item, sizePx, alt }: ThumbnailProps) {
  const app = useApp();
  const { items } = app;
  const [shown, setShown] = useState<{ item: number; url: string } | null>(null);
  const wanted = sizePx * Math.min(window.devicePixelRatio || 1, 2);

  useEffect(() => {
    let gone = false;
    let url: string | null = null;
    items.thumbnail(item, wanted).then(
      (blob) => {
        if (gone || !blob) return;
        url = URL.createObjectURL(blob);
        setShown({ item, url });
      },
      (error) => console.warn(`no image of item ${items.id(item)}: ${error}`),
    );
    return () => {
      gone = true;
      if (url) URL.revokeObjectURL(url);
    };
  }, [item, wanted, items]);

  const here = shown?.item === item;
  const color = app.displayedColor(items.classOf(item)?.color);
  return (
    <span
      class={here ? "fs-thumbnail fs-here" : "fs-thumbnail"}
      style={{ "--fs-class": color || "transparent" }}
    >
      {here ? <img src={shown.url} alt={alt} draggable={false} /> : null}
    </span>
  );
}
