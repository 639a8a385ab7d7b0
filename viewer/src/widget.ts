/** The viewer as an anywidget in a notebook. */
import { type MakeStage, mountViewer } from "./mount";
import { type Model, openWidget, type WidgetSource } from "./sources/widget";
import { showFailure, showLoading } from "./ui/start-screen";

interface RenderContext {
  readonly model: Model;
  readonly el: HTMLElement;
}

export function makeRender(makeStage: MakeStage) {
  return async function render({ model, el }: RenderContext): Promise<() => void> {
    const root = document.createElement("div");
    root.classList.add("featscape", "featscape-widget");
    el.append(root);
    const waiting = showLoading(
      root,
      "Waiting for the kernel. If it was restarted, run this cell again.",
    );
    let source: WidgetSource | null = null;
    try {
      source = await openWidget(model);
      waiting.remove();
      const unmount = await mountViewer(root, source, { makeStage, embedded: true });
      return () => {
        unmount();
        source?.close();
      };
    } catch (error) {
      source?.close();
      waiting.remove();
      showFailure(root, error);
      return () => root.remove();
    }
  };
}
