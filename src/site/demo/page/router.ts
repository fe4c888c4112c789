import { useSyncExternalStore } from "react";

/** The views and their labels. The address of a view is its name after a hash: `#/shop`. */
export const VIEWS = {
  shop: "Shop",
  order: "Order",
  publish: "Publish",
  connections: "Connections",
  metrics: "Metrics",
  access: "Access",
} as const;

export type View = keyof typeof VIEWS;
// `Object.keys` returns `string[]`; the keys are those of VIEWS.
export const VIEW_NAMES = Object.keys(VIEWS) as View[];

export const hashOf = (view: View) => `#/${view}`;

const viewAt = (hash: string): View => VIEW_NAMES.find((view) => hash === hashOf(view)) ?? "shop";

/** Follows the view named in the address bar. */
export function useView(): View {
  return useSyncExternalStore(
    (onChange) => {
      window.addEventListener("hashchange", onChange);
      return () => window.removeEventListener("hashchange", onChange);
    },
    () => viewAt(location.hash),
  );
}
