/** Creates SVG elements. */
const NAMESPACE = "http://www.w3.org/2000/svg";

export function shape(kind: string, attributes: Record<string, string>): SVGElement {
  const element = document.createElementNS(NAMESPACE, kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
