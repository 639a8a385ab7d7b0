/** The placed image and its nearest neighbors. */
import { useEffect, useState } from "preact/hooks";
import { useApp } from "../context";
import { SidePanel, TextButton } from "../controls/controls";
import { NeighborGrid } from "../controls/ItemButtons";
import { Icon } from "../controls/icons";
import { Original } from "../controls/Original";

export function PlacedPanel() {
  const app = useApp();
  const placed = app.panels.placed.value;
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    if (!placed) return undefined;
    const made = URL.createObjectURL(placed.image);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [placed]);
  if (!placed) return null;
  return (
    <SidePanel
      name="New image"
      heading={
        <div class="fs-ellipsis" dir="auto" title={placed.name}>
          {placed.name}
        </div>
      }
      onClose={() => app.closePanel()}
    >
      <figure class="fs-portrait">
        {url && <Original src={url} alt="The new image" />}
        {placed.isCopy && (
          <figcaption class="fs-muted">A small copy, because browsers cannot show TIFF.</figcaption>
        )}
      </figure>
      <div class="fs-actions">
        <TextButton onClick={() => app.showPlaced()}>
          <Icon name="target" /> Show on map
        </TextButton>
      </div>
      <h3 class="fs-section">
        Nearest neighbors <span class="fs-muted">distance in feature space</span>
      </h3>
      <NeighborGrid neighbors={placed.neighbors} />
    </SidePanel>
  );
}
