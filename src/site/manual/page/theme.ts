/** Light, dark, or as the system: chosen for the manual and the demo together. */

const THEME_CHOICES = ["auto", "light", "dark"] as const;
/** The demo's entry (`src/site/demo/page/components/theme.tsx`). */
const THEME_ENTRY = "tidings-demo:theme";

type ManualTheme = (typeof THEME_CHOICES)[number];

/** Applies the stored theme. */
export function applyTheme(): void {
  document.documentElement.dataset.theme = storedTheme();
}

/** Shows the button that switches to the next theme. */
export function addThemeButton(): void {
  const button = document.querySelector<HTMLButtonElement>("button.theme");
  if (button === null) return;
  const show = (theme: ManualTheme) => {
    const next = THEME_CHOICES[(THEME_CHOICES.indexOf(theme) + 1) % THEME_CHOICES.length] ?? "auto";
    button.textContent = { auto: "◐", light: "☀", dark: "☾" }[theme];
    button.setAttribute("aria-label", `Theme: ${theme}. Switch to ${next}`);
    button.onclick = () => {
      document.documentElement.dataset.theme = next;
      rememberTheme(next);
      show(next);
    };
  };
  show(storedTheme());
  button.hidden = false;
}

function storedTheme(): ManualTheme {
  try {
    return THEME_CHOICES.find((theme) => theme === localStorage.getItem(THEME_ENTRY)) ?? "auto";
  } catch {
    return "auto";
  }
}

function rememberTheme(theme: ManualTheme): void {
  try {
    localStorage.setItem(THEME_ENTRY, theme);
  } catch {
    // Storage is blocked: the choice lasts until the next page.
  }
}
