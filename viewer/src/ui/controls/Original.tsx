/** An original image that fills its box; a small image is enlarged. */
import { useState } from "preact/hooks";

interface OriginalProps {
  readonly src: string;
  readonly alt: string;
  readonly hidden?: boolean;
  onLoad?(): void;
  onError?(): void;
}

export function Original({ src, alt, hidden = false, onLoad, onError }: OriginalProps) {
  const [ratio, setRatio] = useState(1);
  return (
    <img
      class={hidden ? "fs-original fs-waiting" : "fs-original"}
      style={{ "--fs-ratio": ratio }}
      src={src}
      alt={alt}
      onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => {
        setRatio(naturalWidth / naturalHeight || 1);
        onLoad?.();
      }}
      onError={() => onError?.()}
    />
  );
}
