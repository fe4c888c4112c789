import { chooseTheme, nextTheme, storedTheme, type Theme, themeLabel } from "../../demo/page/state/theme.ts";
import { addSearch } from "./search.ts";

/** The script of the manual's pages: search, copy buttons, and the theme. The pages are complete without it. */

/** Scrolls the table of contents to the current page, where it has a scroll bar of its own. */
function showPlaceInContents(): void {
  const contents = document.querySelector("#contents");
  const current = contents?.querySelector<HTMLElement>("[aria-current]");
  if (contents && current) contents.scrollTop = current.offsetTop - contents.clientHeight / 3;
}

const THEME_SIGNS = { auto: "◐", light: "☀", dark: "☾" };

/** Shows the button that switches to the next theme. */
function addThemeButton(): void {
  const button = document.querySelector<HTMLButtonElement>("button.theme");
  if (button === null) return;
  const show = (theme: Theme) => {
    button.textContent = THEME_SIGNS[theme];
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

/** How long a copy button shows what happened. */
const COPY_RESULT_MS = 2000;

/** Adds a button to each example that copies its text. */
function addCopyButtons(): void {
  // Browsers have no clipboard on pages without https, except on localhost.
  if (navigator.clipboard === undefined) return;
  for (const block of document.querySelectorAll(".code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    let timer: ReturnType<typeof setTimeout> | undefined;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(block.querySelector("code")?.textContent ?? "");
        button.textContent = "Copied";
      } catch {
        button.textContent = "Copying is blocked";
      }
      clearTimeout(timer);
      timer = setTimeout(() => {
        button.textContent = "Copy";
      }, COPY_RESULT_MS);
    });
    block.append(button);
  }
}

// Before the first paint: the script is in the page's head.
chooseTheme(storedTheme());
document.addEventListener("DOMContentLoaded", () => {
  showPlaceInContents();
  addThemeButton();
  addCopyButtons();
  addSearch();
});
