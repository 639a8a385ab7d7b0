/** Places an image that is dropped anywhere on the map. */
import { useEffect, useState } from "preact/hooks";
import { on } from "../events";
import { placeImage } from "../state/view/place";
import { useApp } from "./context";
import { Icon } from "./controls/icons";

export function DropZone({ root }: { readonly root: HTMLElement }) {
  const app = useApp();
  const [over, setOver] = useState(false);

  useEffect(() => {
    const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    function onOver(event: DragEvent): void {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      setOver(true);
    }
    function onLeave(event: DragEvent): void {
      if (!root.contains(event.relatedTarget as Node | null)) setOver(false);
    }
    function onDrop(event: DragEvent): void {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      setOver(false);
      const [file, another] = event.dataTransfer?.files ?? [];
      if (another)
        app.messages.error.value = "Only one image can be placed at a time. Drop a single image.";
      else if (file) void placeImage(app, file);
    }
    const stops = [on(root, "dragover", onOver), on(root, "dragleave", onLeave)];
    stops.push(on(root, "drop", onDrop));
    return () => {
      for (const stop of stops) stop();
    };
  }, [app, root]);

  if (!over) return null;
  return (
    <div class="fs-drop">
      <div class="fs-panel fs-drop-card">
        <Icon name="drop" />
        {app.source.place
          ? "Drop an image to place it on the map"
          : (app.source.abilities.no_place ??
            "This page cannot place new images; “featscape serve” can")}
      </div>
    </div>
  );
}
