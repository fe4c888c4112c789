/** SVG paths on a 24 × 24 grid, stroked in the text color. */
const PATHS = {
  tide: "M3 9q4.5-5 9 0t9 0M3 16q4.5-5 9 0t9 0",
  shop: "M4 9h16l-1.5 11h-13zM8 9a4 4 0 0 1 8 0",
  order: "M4 7l8-4 8 4v10l-8 4-8-4zM4 7l8 4 8-4M12 11v10",
  publish: "M4 12l16-8-5 16-3.5-6.5zM11.5 13.5L20 4",
  connections: "M9 7V3M15 7V3M6 7h12v4a6 6 0 0 1-12 0zM12 17v4",
  metrics: "M4 4v16h16M8 15l3.5-5 3 3L20 6",
  access: "M14.5 9.5a4.5 4.5 0 1 0-4.2 4.5L12 16h2v2h2v3h4v-4l-5.6-5.6zM9 8.5h.1",
  light:
    "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5",
  dark: "M20 14A8.5 8.5 0 0 1 10 4a8.5 8.5 0 1 0 10 10z",
  auto: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  "p-42": "M5 6h11v10a3 3 0 0 1-3 3H8a3 3 0 0 1-3-3zM16 9h2a2.5 2.5 0 0 1 0 5h-2",
  "p-17": "M5 9h14l1 11H4zM8 12V7a4 4 0 0 1 8 0v5",
  "p-23": "M8 4h6l4 7H8zM11 11v9M7 20h8",
  "p-08": "M6 3h12v18H6zM9.5 3v18M12.5 8h3M12.5 12h3",
  "p-31": "M4 15v-3a8 8 0 0 1 16 0v3M4 14h3v6H5a1 1 0 0 1-1-1zM20 14h-3v6h2a1 1 0 0 0 1-1z",
  "p-55": "M10 3h4v3h-4zM10 6l-2 3v11a1 1 0 0 0 1 1h6a1 1 0 0 0 1-1V9l-2-3M8 13h8",
  box: "M4 8h16v12H4zM4 8l2-4h12l2 4M10 12h4",
} as const;

type IconName = keyof typeof PATHS;
export const isIconName = (name: string): name is IconName => Object.hasOwn(PATHS, name);

export function Icon({ name }: { name: IconName }) {
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.75"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
