/** Restores the state that an address describes. */
import { batch } from "@preact/signals";
import type { App } from "../app";
import type { Filter } from "../filters/filters";
import { LABEL } from "../items/items";
import { separable } from "../wording/words";
import type { AddressState } from "./address";

/**
 * The items that an address names. Items that the map lacks are left out. So are all items of an
 * address of an earlier version of the map, in which the ids named other images.
 */
export function itemsOf(
  { digest: ofMap, items }: App,
  { item, selection = [], digest = ofMap }: AddressState,
) {
  const isOutdated = digest !== ofMap;
  const known = (ids: readonly number[]) =>
    isOutdated ? [] : ids.flatMap((id) => items.itemOf(id) ?? []);
  return {
    isOutdated,
    item: known(item === undefined ? [] : [item])[0] ?? null,
    selected: Uint32Array.from(known(selection)),
  };
}

/** Restore a state. What the map lacks is ignored; columns and an earlier version are reported. */
export function restore(app: App, state: AddressState): void {
  const { manifest, selection, panels } = app;
  const problems: string[] = [];
  const { isOutdated, item, selected } = itemsOf(app, state);
  if (isOutdated) {
    problems.push(
      "The address belongs to an earlier version of this map: its selection and open image are left out. Export and import selections instead.",
    );
  }
  const filterKinds = { category: "codes", number: "range", date: "range", text: null } as const;
  const kinds = new Map<string, Filter["kind"] | null>(
    manifest.columns.map(({ name, kind }) => [name, filterKinds[kind]]),
  );
  if (manifest.classes) kinds.set(LABEL, "codes");
  const filters = new Map<string, Filter>();
  const unknown = new Set<string>();
  for (const [column, filter] of state.filters ?? []) {
    if (kinds.get(column) === filter.kind) filters.set(column, filter);
    else unknown.add(column);
  }
  const colorBy = state.colorBy ?? LABEL;
  if (!app.colorColumns.includes(colorBy)) unknown.add(colorBy);
  if (unknown.size > 0) {
    problems.push(
      `The address uses columns that this map does not have in this form: ${separable([...unknown]).join(", ")}. These columns are ignored. Open the address with the map from which the address was copied.`,
    );
  }
  batch(() => {
    if (state.mode && app.modes.includes(state.mode)) app.mode.value = state.mode;
    if (state.theme) app.themeChoice.value = state.theme;
    app.cropped.value = state.cropped ?? false;
    app.namesShown.value = state.namesShown ?? true;
    if (app.colorColumns.includes(colorBy)) app.colorBy.value = colorBy;
    app.search.query.value = state.query ?? "";
    app.filters.value = filters;
    if (selected.length > 0 || selection.count > 0) {
      selection.set(selected, "replace");
      if (selected.length > 0) panels.show("selection");
    }
    const { finding } = state;
    if (finding !== undefined && app.findings.named(finding)) app.openFindings(finding);
    if (item !== null) panels.openItem(item);
    if (problems.length > 0) app.messages.error.value = problems.join(" ");
  });
  if (state.showsAll) app.navigation.fit(undefined, false);
  else if (state.view) app.stage?.setView(state.view);
}
