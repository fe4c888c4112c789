import { chooseTheme, nextTheme, storedTheme, type Theme, themeLabel } from "../../demo/page/state/theme.ts";

const SIGNS = { auto: "◐", light: "☀", dark: "☾" };

/** Shows the button that switches to the next theme. */
export function addThemeButton(): void {
  const button = document.querySelector<HTMLButtonElement>("button.theme");
  if (button === null) return;
  const show = (theme: Theme) => {
    button.textContent = SIGNS[theme];
    button.setAttribute("aria-label", themeLabel(theme));
    button.onclick = () => {
      const next = nextTheme(theme);
      chooseTheme(next);
      show(next);
    };
  };
  show(storedTheme());
  button.hidden = false;
}
