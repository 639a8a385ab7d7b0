/** Line icons on a 20 x 20 grid. */
const PATHS = {
  points: "M5 6h.01M11 4h.01M15 9h.01M8 11h.01M4 15h.01M12 15h.01M16 14.5h.01",
  images: "M3 5h7v7H3zM12 8h5v5h-5zM7 14h4v3H7z",
  grid: "M3.5 3.5h5v5h-5zM11.5 3.5h5v5h-5zM3.5 11.5h5v5h-5zM11.5 11.5h5v5h-5z",
  pan: "M10 3v14M3 10h14M10 3 8 5m2-2 2 2M10 17l-2-2m2 2 2-2M3 10l2-2m-2 2 2 2M17 10l-2-2m2 2-2 2",
  lasso:
    "M7 13.5C4.5 13 3 11.3 3 9c0-3 3-5 7-5s7 2 7 4.7-3 4.8-6.5 4.8c-1.5 0-3 .5-3 1.7 0 1 1.5 1 1.5 2",
  rectangle:
    "M3.5 7V3.5H7M13 3.5h3.5V7M16.5 13v3.5H13M7 16.5H3.5V13M9 3.5h2M9 16.5h2M3.5 9v2M16.5 9v2",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  fit: "M3.5 7.5v-4h4M12.5 3.5h4v4M16.5 12.5v4h-4M7.5 16.5h-4v-4M7.5 7.5h5v5h-5z",
  picture: "M3 6.5h3l1.5-2.5h5L14 6.5h3V16H3zM10 8.3a2.7 2.7 0 1 1 0 5.4 2.7 2.7 0 0 1 0-5.4z",
  sun: "M10 6.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M4.3 15.7l1.1-1.1M14.6 5.4l1.1-1.1",
  moon: "M16.5 11.7A7 7 0 0 1 8.3 3.5a7 7 0 1 0 8.2 8.2z",
  help: "M7.5 7.5a2.5 2.5 0 1 1 3.7 2.2c-.8.5-1.2 1-1.2 1.8M10 14.5h.01M10 2.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15z",
  search: "M9 3.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM13 13l4 4",
  close: "M5 5l10 10M15 5 5 15",
  back: "M12 4l-6 6 6 6",
  forward: "M8 4l6 6-6 6",
  up: "M4 12l6-6 6 6",
  down: "M4 8l6 6 6-6",
  sidebar: "M3 4h14v12H3zM8 4v12",
  target: "M10 5.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10 2v3.5M10 14.5V18M2 10h3.5M14.5 10H18",
  findings: "M4 4h8M4 8h5M4 12h3M12.5 8.5a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM15.5 15.5l2 2",
  drop: "M10 13V3.5M6.5 7 10 3.5 13.5 7M3.5 13v3.5h13V13",
  palette:
    "M10 2.5c4.2 0 7.5 2.9 7.5 6.6 0 2.3-1.8 3.7-3.9 3.7h-1.4c-1 0-1.5.9-1 1.8.6 1.2 0 2.9-1.5 2.9A7.4 7.4 0 0 1 2.5 10 7.5 7.5 0 0 1 10 2.5zM6 9.5h.01M8.5 6.3h.01M12.5 6.5h.01",
  save: "M10 3.5V13M6.5 9.5 10 13l3.5-3.5M3.5 13v3.5h13V13",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      class="fs-icon"
      viewBox="0 0 20 20"
      aria-hidden="true"
      data-dots={name === "points" ? "" : undefined}
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
