/** The name of a class beside its color. */
import { useApp } from "../context";
import { Name } from "./Name";

export function ClassName({
  name,
  text = name,
  color,
}: {
  readonly name: string;
  /** A shorter text for the name. */
  readonly text?: string;
  readonly color?: string | undefined;
}) {
  const app = useApp();
  return (
    <span class="fs-label">
      <i class="fs-swatch" style={{ background: app.displayedColor(color) }} />
      <Name name={text} among={app.items.classNames} title={name} />
    </span>
  );
}
