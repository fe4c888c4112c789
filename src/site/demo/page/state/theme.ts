import { storedText, storeText } from "./stored-text.ts";

/** The theme: light, dark, or the system's. The demo and the manual share the visitor's choice. */

const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const THEME_ENTRY = "tidings-demo:theme";

/** Returns the theme that the button switches to. */
export const nextTheme = (theme: Theme): Theme => THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "auto";

/** The accessible name of the button. */
export const themeLabel = (theme: Theme) => `Theme: ${theme}. Switch to ${nextTheme(theme)}`;

export function storedTheme(): Theme {
  const stored = storedText("localStorage", THEME_ENTRY);
  return THEMES.find((theme) => theme === stored) ?? "auto";
}

/** Applies a theme to this page and stores it for the pages that follow. */
export function chooseTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  storeText("localStorage", THEME_ENTRY, theme);
}
