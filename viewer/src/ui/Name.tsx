/** A name of a class or category, in one line; what tells it from its like stays to be read. */
import { nameParts } from "../state/names";

interface NameProps {
  readonly name: string;
  /** All names of its kind. */
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
