/** The name of a class beside its color. */
import { useApp } from "../context";
import { Name } from "./Name";

export function ClassName({
  name,
  color,
}: {
  readonly name: string;
  readonly color?: string | undefined;
}) {
  const app = useApp();
  return (
    <span class="fs-label">
      <i class="fs-swatch" style={{ background: app.displayedColor(color) }} />
      <Name name={name} among={app.items.classNames} title={name} />
    </span>
  );
}
