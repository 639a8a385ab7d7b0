/** The selections that the browser keeps under a name. */
import { useMemo, useRef } from "preact/hooks";
import { saveSelections } from "../../state/exports/exports";
import {
  importSelections,
  type NamedSelection,
  takeOverSelections,
} from "../../state/selections/named-selections";
import { count, shownText, useApp } from "../context";
import { IconButton, LinkButton, Summary } from "../controls/controls";

export function NamedSelections() {
  const app = useApp();
  const input = useRef<HTMLInputElement>(null);
  if (!app.named) return null;
  const list = app.named.list.value;
  const nOthers = app.named.others.value.length;
  return (
    <details class="fs-named" open={list.length + nOthers > 0}>
      <Summary>{list.length > 0 ? count(list.length, "selection") : "Selections"}</Summary>
      <ul aria-label="Selections">
        {list.map((selection) => (
          <Row key={selection.name} selection={selection} />
        ))}
      </ul>
      {list.length === 0 && (
        <p class="fs-muted">
          Select {app.noun}s and keep them under a name. This browser keeps them.
        </p>
      )}
      <div class="fs-named-tools">
        {nOthers > 0 && (
          <LinkButton
            title={`Find the ${app.noun}s of the selections in an earlier version of this map`}
            onClick={() => void takeOverSelections(app)}
          >
            From an earlier version
          </LinkButton>
        )}
        <LinkButton
          title={`Read selections from a file, and find their ${app.noun}s`}
          onClick={() => input.current?.click()}
        >
          Import
        </LinkButton>
        {list.length > 0 && (
          <LinkButton
            title="Save all selections as a file"
            onClick={() => void saveSelections(app)}
          >
            Export
          </LinkButton>
        )}
      </div>
      <input
        ref={input}
        type="file"
        accept=".json,application/json"
        hidden
        onChange={({ currentTarget }) => {
          const file = currentTarget.files?.[0];
          if (file) void importSelections(app, file);
          currentTarget.value = "";
        }}
      />
    </details>
  );
}

function Row({ selection }: { readonly selection: NamedSelection }) {
  const app = useApp();
  const { name, ids } = selection;
  const items = useMemo(() => app.itemsOf(ids), [app, ids]);
  const nShown = app.shownOf(items).length;
  return (
    <li class="fs-named-row">
      <button
        type="button"
        class="fs-named-button"
        title={`Select ${name}`}
        onClick={() => app.selectNamed(selection)}
      >
        <bdi class="fs-ellipsis">{name}</bdi>
        <span class="fs-number">{shownText(nShown, ids.length)}</span>
      </button>
      <IconButton
        icon="close"
        label={`Delete ${name}`}
        onClick={() => app.messages.attemptNow(() => app.named?.remove(name))}
      />
    </li>
  );
}
