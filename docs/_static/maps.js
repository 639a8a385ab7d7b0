// The map of a <details class="map"> is loaded when the reader opens the element: ten maps are 15 MB.
document.addEventListener(
  "toggle",
  (event) => {
    const frame = event.target.querySelector("iframe[data-src]");
    if (frame && !frame.src) frame.src = frame.dataset.src;
  },
  true, // the event does not bubble
);
