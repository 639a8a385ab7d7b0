import type { Noun } from "../../state/wording/nouns";
import { useApp } from "../context";
import { IconButton } from "../controls/controls";

/** Buttons to the previous and the next entry of a list, with the keys K and J. */
export function StepButtons({ noun }: { readonly noun: Noun | "finding" }) {
  const app = useApp();
  return (
    <>
      <IconButton
        icon="up"
        label={`Previous ${noun}`}
        shortcut="k"
        onClick={() => app.lists.step(-1)}
      />
      <IconButton
        icon="down"
        label={`Next ${noun}`}
        shortcut="j"
        onClick={() => app.lists.step(1)}
      />
    </>
  );
}
