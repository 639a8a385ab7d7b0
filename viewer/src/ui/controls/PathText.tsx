/** A path that breaks after a separator where a line ends, and within a word only without one. */
import { Fragment } from "preact";

export function PathText({ path }: { readonly path: string }) {
  const parts = path.match(/[^/\\._-]*[/\\._-]+|[^/\\._-]+/g) ?? [];
  return (
    <>
      {parts.map((part, i) => (
        <Fragment key={i}>
          {part}
          <wbr />
        </Fragment>
      ))}
    </>
  );
}
