/** Call `act` on each event of a type. Returns a function that ends this. */
export function on<E extends Event>(
  target: EventTarget,
  type: string,
  act: (event: E) => void,
  options?: AddEventListenerOptions,
): () => void {
  target.addEventListener(type, act as EventListener, options);
  return () => target.removeEventListener(type, act as EventListener, options);
}
