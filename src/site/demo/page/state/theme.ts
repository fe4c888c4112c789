/** Light, dark, or as the system: chosen for the demo and the manual together. */

const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const THEME_ENTRY = "tidings-demo:theme";

/** Returns the theme that the button switches to. */
export const nextTheme = (theme: Theme): Theme => THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "auto";

/** The accessible name of the button. */
export const themeLabel = (theme: Theme) => `Theme: ${theme}. Switch to ${nextTheme(theme)}`;

export function storedTheme(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(THEME_ENTRY)) ?? "auto";
  } catch {
    return "auto";
  }
}

export function storeTheme(theme: Theme): void {
  try {
    localStorage.setItem(THEME_ENTRY, theme);
  } catch {
    // Storage is blocked: the choice lasts until the next page.
  }
}

export function applyTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
}
