/** A class or category name in one line, shortened so that it stays distinguishable. */
import { nameParts } from "../../state/wording/names";

interface NameProps {
  readonly name: string;
  /** All names of the same column. */
  readonly among: readonly string[];
  readonly title?: string;
}

export function Name({ name, among, title }: NameProps) {
  const [start, tail] = nameParts(name, among);
  if (tail === "") {
    return (
      <span class="fs-name fs-ellipsis" dir="auto" title={title}>
        {name}
      </span>
    );
  }
  return (
    <span class="fs-name fs-name-parts" dir="auto" title={title}>
      <span class="fs-ellipsis">{start}</span>
      <span class="fs-ellipsis fs-name-tail">{tail}</span>
    </span>
  );
}
