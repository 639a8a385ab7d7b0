/** The given and the suggested label of a finding as buttons. */
import type { ListedFinding } from "../../contract";
import { differentParts } from "../../state/wording/names";
import { useApp } from "../context";
import { ClassName } from "../controls/ClassName";

/** A click checks a label, and a second click removes the check. */
export function LabelButtons({ finding }: { readonly finding: ListedFinding }) {
  const app = useApp();
  const { items, manifest, checks } = app;
  const { suggested } = finding;
  if (suggested === null) return null;
  const first = finding.items[0] as number;
  const checked = checks.labels.value.get(first);
  const given = items.classOf(first);
  const other = manifest.classes?.find((each) => each.name === suggested);
  const [givenText, suggestedText] = differentParts(given?.name ?? "no label", suggested);
  const choice = (name: string, text: string, color: string | undefined, key: string) => (
    <button
      type="button"
      class="fs-choice"
      aria-pressed={checked === name}
      title={`${name} is the correct label (${key})`}
      onClick={() => app.check(finding.items, checked === name ? null : name)}
    >
      <ClassName name={name} text={text} color={color} />
    </button>
  );
  return (
    <div class="fs-relabel">
      <span class="fs-muted">label:</span>
      {choice(given?.name ?? "no label", givenText, given?.color, "Y")}
      <span class="fs-muted">suggested:</span>
      {choice(suggested, suggestedText, other?.color, "U")}
    </div>
  );
}
