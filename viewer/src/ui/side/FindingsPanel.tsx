/** The findings: the sections with their numbers, and the findings of the open section. */
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { ListedFinding, ListedSection } from "../../contract";
import { CHECKED_LABEL } from "../../contract";
import type { App } from "../../state/app";
import { saveChecks } from "../../state/exports/exports";
import { FALSE_FRIENDS } from "../../state/findings/findings";
import { countText } from "../../state/wording/words";
import { useApp } from "../context";
import { IconButton, SidePanel, TextButton } from "../controls/controls";
import { Icon } from "../controls/icons";
import { useViewport } from "../controls/viewport";
import { FindingEntry, rowSize } from "./FindingEntry";
import { StepButtons } from "./StepButtons";

const NO_ROWS: readonly ListedFinding[] = [];
const SPARE_PX = 400; // above and below the visible part, so that scrolling shows no gaps

/** What the number of a section counts. */
function noun(layout: ListedSection["layout"], app: App): string {
  if (layout === "items") return app.noun;
  return { pairs: "group", groups: "finding", texts: "measure" }[layout];
}

function counted(number: number, noun: string): string {
  return `${countText(number)} ${noun}${number === 1 ? "" : "s"}`;
}

export function FindingsPanel() {
  const app = useApp();
  const section = app.findings.section.value;
  return (
    <SidePanel
      name="Findings"
      wide
      heading={section ? <SectionHeading title={section.title} /> : "Findings"}
      tools={section && <SectionTools section={section} />}
      onClose={() => app.closePanel()}
    >
      {section ? <Section section={section} /> : <Sections />}
    </SidePanel>
  );
}

/** The title, after a button that leads back to all sections. */
function SectionHeading({ title }: { readonly title: string }) {
  const app = useApp();
  return (
    <span class="fs-section-heading">
      <IconButton icon="back" label="All findings" onClick={() => app.openFindings(null)} />
      {title}
    </span>
  );
}

function Sections() {
  const app = useApp();
  const { sections, chosen } = app.findings;
  const list = useRef<HTMLUListElement>(null);
  useLayoutEffect(() => {
    // the focus follows the keys J and K before the next key, so that Enter opens the section
    list.current?.querySelector<HTMLElement>("[aria-current] button")?.focus();
  }, [chosen.value]);
  if (!sections) {
    return (
      <p class="fs-note">
        This map has no findings. <code>featscape findings MAP</code> lists them and{" "}
        <code>featscape report MAP</code> writes them as one page, without making the map again. To
        show the findings here, make the map again with <code>--force</code> and without{" "}
        <code>--no-findings</code>.
      </p>
    );
  }
  return (
    <ul class="fs-sections" ref={list}>
      {sections.map((section, i) => (
        <li key={section.name} aria-current={i === chosen.value ? "true" : undefined}>
          {section.n_findings > 0 ? (
            <button
              type="button"
              class="fs-section-button"
              onClick={() => app.openFindings(section.name)}
            >
              <SectionSummary section={section} />
            </button>
          ) : (
            <div class="fs-section-button fs-section-empty">
              <SectionSummary section={section} />
              {section.name === "labels" && (
                <div class="fs-actions">
                  <CheckButtons />
                </div>
              )}
            </div>
          )}
        </li>
      ))}
    </ul>
  );
}

function SectionSummary({ section }: { readonly section: ListedSection }) {
  const app = useApp();
  return (
    <>
      <span class="fs-section-title">
        <span>{section.title}</span>
        <span class="fs-number">{counted(section.n_findings, noun(section.layout, app))}</span>
      </span>
      <span class="fs-muted">{section.text}</span>
    </>
  );
}

/** The position in the list, and buttons to the finding before and after. */
function SectionTools({ section }: { readonly section: ListedSection }) {
  const app = useApp();
  const { at, rows } = app.findings;
  const count = rows.value?.length ?? 0;
  if (section.layout === "texts" || count === 0) return null;
  const { n_findings, n_listed, layout } = section;
  const place = at.value >= 0 ? `${countText(at.value + 1)} / ` : "";
  // the list is incomplete, and the filters hide some of its findings
  const all =
    count < n_listed && n_listed < n_findings
      ? `the first ${countText(n_listed)}`
      : countText(n_findings);
  const found =
    count < n_findings ? `${countText(count)} of ${all}` : counted(n_findings, noun(layout, app));
  return (
    <>
      <span class="fs-muted fs-number">{place + found}</span>
      <StepButtons noun="finding" />
    </>
  );
}

function Section({ section }: { readonly section: ListedSection }) {
  const app = useApp();
  const { n_findings, n_listed, column, method } = section;
  const items = app.findings.items.value;
  const rows = app.findings.rows.value ?? NO_ROWS;
  const nHidden = app.findings.rows.value ? n_listed - rows.length : 0;
  const isPart = n_listed < n_findings || rows.some((each) => each.items.length < each.n_items);
  return (
    <>
      <p class="fs-note">
        {section.text}
        {n_listed < n_findings && (
          <>
            {" "}
            The list has the first {countText(n_listed)} of {countText(n_findings)};{" "}
            <code>featscape findings MAP --csv</code> prints all.
          </>
        )}
        {nHidden > 0 && ` The filters hide ${counted(nHidden, "finding")}.`}
      </p>
      <div class="fs-actions">
        {items && (
          <TextButton
            title={`Select the ${app.noun}s of these findings`}
            onClick={() => app.select(items)}
          >
            <Icon name="plus" /> Select {isPart && "the first "}
            {counted(items.length, app.noun)}
            {section.layout === "items" && items.length > rows.length && " with duplicates"}
          </TextButton>
        )}
        {column !== null && app.colorColumns.includes(column) && (
          <TextButton
            title={`Show this value of all ${app.noun}s as the color of the map`}
            onClick={() => {
              app.colorMapBy(column);
            }}
          >
            <Icon name="points" /> Color the map
          </TextButton>
        )}
        {section.name === "labels" && <CheckButtons />}
        {section.name === "reliability" && app.colorColumns.includes(FALSE_FRIENDS) && (
          <FadeButton />
        )}
      </div>
      {section.layout === "texts" ? <Sentences /> : <FindingList section={section} />}
      {method !== null && (
        <details class="fs-method">
          <summary>How this is computed</summary>
          <p class="fs-muted">{method}</p>
        </details>
      )}
    </>
  );
}

/** Save the checked labels, and add those of an earlier version of the map. */
function CheckButtons() {
  const app = useApp();
  const { checks, messages } = app;
  useEffect(() => {
    void messages.attempt(checks.findEarlier());
  }, [checks, messages]);
  const [nChecks, nEarlier] = [checks.labels.value.size, checks.earlier.value.size];
  return (
    <>
      {nChecks > 0 && (
        <TextButton
          title="A table for featscape map --checked"
          onClick={() => void saveChecks(app)}
        >
          <Icon name="save" /> Save {counted(nChecks, "checked label")}
          {app.manifest.columns.some(({ name }) => name === CHECKED_LABEL) &&
            " and those of the map"}
        </TextButton>
      )}
      {nEarlier > 0 && (
        <TextButton
          title={`Add the checks of an earlier version of this map, with other ${app.noun}s`}
          onClick={() => messages.attemptNow(() => checks.addEarlier())}
        >
          <Icon name="plus" /> Add {counted(nEarlier, "check")} of an earlier version
        </TextButton>
      )}
    </>
  );
}

/** Fades the images of which most nearest images on the map are not similar. */
function FadeButton() {
  const app = useApp();
  const { fadesFalseFriends } = app.findings;
  return (
    <TextButton
      title={`Fade the ${app.noun}s whose nearest ${app.noun}s on the map are mostly not similar`}
      pressed={fadesFalseFriends.value}
      onClick={() => {
        fadesFalseFriends.value = !fadesFalseFriends.value;
      }}
    >
      <Icon name="images" /> Fade false friends
    </TextButton>
  );
}

/** The findings without images, which have nothing to open. */
function Sentences() {
  return (
    <ul class="fs-sentences">
      {useApp().findings.rows.value?.map(({ text }, i) => (
        <li key={i} dir="auto">
          {text}
        </li>
      ))}
    </ul>
  );
}

/** The list of the findings. Only the visible rows are rendered. */
function FindingList({ section }: { readonly section: ListedSection }) {
  const app = useApp();
  const scroller = useRef<HTMLDivElement>(null);
  const viewport = useViewport(scroller);
  const rows = app.findings.rows.value ?? NO_ROWS;
  const at = app.findings.at.value;
  const tops = useMemo(
    () => rowTops(rows, section.layout, app.hasImages, at),
    [rows, section, app, at],
  );
  const total = tops[rows.length] ?? 0;
  const first = rowAt(tops, viewport.top - SPARE_PX);
  const last = rowAt(tops, viewport.top + viewport.height + SPARE_PX) + 1;

  useEffect(() => {
    const [top, bottom] = [tops[at], tops[at + 1]];
    if (!scroller.current || top === undefined || bottom === undefined) return;
    scrollTo(scroller.current, top, bottom - top);
  }, [at, tops]);

  return (
    <div class="fs-finding-list" ref={scroller}>
      <ol class="fs-tall" style={{ height: `${total}px` }}>
        {rows.slice(first, last).map((row, i) => (
          <FindingEntry
            key={first + i}
            finding={row}
            layout={section.layout}
            number={first + i}
            top={tops[first + i] ?? 0}
            count={rows.length}
            active={first + i === at}
          />
        ))}
      </ol>
    </div>
  );
}

/** The distance of each row from the top of the list, and the height of the list. */
function rowTops(
  rows: readonly ListedFinding[],
  layout: ListedSection["layout"],
  hasImages: boolean,
  at: number,
): number[] {
  const tops = [0];
  for (const [i, row] of rows.entries()) {
    tops.push((tops[i] as number) + rowSize(row, layout, hasImages, i === at).height);
  }
  return tops;
}

/** The row at a distance from the top of the list; the first or the last row outside of the list. */
function rowAt(tops: readonly number[], distance: number): number {
  const after = tops.findIndex((top) => top > distance);
  return after < 0 ? tops.length - 1 : Math.max(after - 1, 0);
}

/** Scroll as little as possible until a row is visible. */
function scrollTo(list: HTMLElement, top: number, height: number): void {
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + height > list.scrollTop + list.clientHeight) {
    list.scrollTop = Math.min(top, top + height - list.clientHeight);
  }
}
