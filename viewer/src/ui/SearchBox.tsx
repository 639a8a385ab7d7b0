/** Find by text in path, label and text columns. */
import { useApp } from "./context";
import { IconButton, LinkButton } from "./controls";
import { Icon } from "./icons";

export function SearchBox() {
  const app = useApp();
  const matches = app.matches.value;
  const at = app.matchAt.value;
  return (
    <search class="fs-search">
      <label class="fs-search-field">
        <Icon name="search" />
        <input
          class="fs-input"
          type="search"
          placeholder="Find in paths and labels"
          aria-label="Find in paths and labels"
          aria-keyshortcuts="/"
          dir="auto"
          maxLength={1000}
          spellcheck={false}
          data-search=""
          value={app.query.value}
          onInput={(event) => {
            app.query.value = event.currentTarget.value;
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter") app.nextMatch(event.shiftKey ? -1 : 1);
            else if (event.key === "Escape" && app.query.value !== "") app.query.value = "";
            else return;
            event.stopPropagation();
          }}
        />
      </label>
      {matches && (
        <div class="fs-search-found">
          <span>
            {at >= 0 && `${(at + 1).toLocaleString("en-US")} of `}
            {matches.length > 0
              ? `${matches.length.toLocaleString("en-US")} found`
              : "Nothing found"}
          </span>
          {matches.length > 0 && (
            <>
              <LinkButton
                title="Select all that was found"
                onClick={() => app.select(matches, false)}
              >
                Select
              </LinkButton>
              <IconButton
                icon="up"
                label="Previous match"
                shortcut="Shift+Enter"
                onClick={() => app.nextMatch(-1)}
              />
              <IconButton
                icon="down"
                label="Next match"
                shortcut="Enter"
                onClick={() => app.nextMatch(1)}
              />
            </>
          )}
        </div>
      )}
    </search>
  );
}
