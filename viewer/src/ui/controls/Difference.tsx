/** A picture of where two images differ. */
import { useEffect, useRef, useState } from "preact/hooks";
import { difference, turnedTo } from "../../state/findings/difference";
import { useApp } from "../context";

const SIDE = 128; // pixels of the compared copies: the size of the largest thumbnails
const COLORS = { light: [179, 38, 30], dark: [255, 138, 128] } as const; // --danger

export function Difference({ one, other }: { readonly one: number; readonly other: number }) {
  const app = useApp();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [state, setState] = useState<"reading" | "equal" | "different">("reading");
  const [mirrored, setMirrored] = useState(false);
  const theme = app.theme.value;

  useEffect(() => {
    let gone = false;
    async function compare(): Promise<void> {
      const [a, b] = await Promise.all([one, other].map((item) => readPixels(app.items, item)));
      if (gone || !a || !b) return;
      const turned = turnedTo(a, b, SIDE);
      const pixels = difference(a, turned.pixels, COLORS[theme]);
      setMirrored(turned.mirrored);
      setState(pixels ? "different" : "equal");
      const context = canvas.current?.getContext("2d");
      context?.clearRect(0, 0, SIDE, SIDE);
      if (pixels) context?.putImageData(new ImageData(pixels, SIDE, SIDE), 0, 0);
    }
    compare().catch((error) => console.warn(`no difference of two images: ${error}`));
    return () => {
      gone = true;
    };
  }, [one, other, theme, app]);

  return (
    <figure
      class="fs-difference"
      title="Where the two images differ, mirrored if they then differ less"
    >
      <canvas ref={canvas} width={SIDE} height={SIDE} />
      <figcaption class="fs-muted">
        {state === "equal" ? "No difference" : state === "different" ? "Difference" : ""}
        {mirrored && state !== "reading" && ", mirrored"}
      </figcaption>
    </figure>
  );
}

/** The RGBA pixels of an item's thumbnail, stretched to a square; null if there is none. */
async function readPixels(
  items: { thumbnail(item: number, sizePx: number): Promise<Blob | null> },
  item: number,
): Promise<Uint8ClampedArray | null> {
  const blob = await items.thumbnail(item, SIDE);
  if (!blob) return null;
  const image = await createImageBitmap(blob);
  const context = new OffscreenCanvas(SIDE, SIDE).getContext("2d");
  context?.drawImage(image, 0, 0, SIDE, SIDE);
  image.close();
  return context?.getImageData(0, 0, SIDE, SIDE).data ?? null;
}
