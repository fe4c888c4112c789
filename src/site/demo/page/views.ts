import { useSyncExternalStore } from "react";

/** The views, each with an address of its own: `#/shop`. */
export const VIEWS = {
  shop: "Shop",
  order: "Order",
  publish: "Publish",
  connections: "Sockets",
  operations: "Metrics",
  access: "Access",
} as const;

export type View = keyof typeof VIEWS;
// The keys are those of the object above.
export const VIEW_NAMES = Object.keys(VIEWS) as View[];

export const addressOf = (view: View) => `#/${view}`;

const viewOf = (hash: string): View => VIEW_NAMES.find((view) => hash === addressOf(view)) ?? "shop";

/** The view of the address bar. */
export function useView(): View {
  return useSyncExternalStore(
    (onChange) => {
      window.addEventListener("hashchange", onChange);
      return () => window.removeEventListener("hashchange", onChange);
    },
    () => viewOf(location.hash),
  );
}
