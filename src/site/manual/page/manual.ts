import { chooseTheme, storedTheme } from "../../demo/page/state/theme.ts";
import { addCopyButtons } from "./copy.ts";
import { addSearch } from "./search.ts";
import { addThemeButton } from "./theme.ts";

/** The script of the manual's pages: search, copy buttons, and the theme. The pages are complete without it. */

/** Scrolls the table of contents to the current page, where it has a scroll bar of its own. */
function showPlaceInContents(): void {
  const contents = document.querySelector("#contents");
  const current = contents?.querySelector<HTMLElement>("[aria-current]");
  if (contents && current) contents.scrollTop = current.offsetTop - contents.clientHeight / 3;
}

// Before the first paint: the script is in the page's head.
chooseTheme(storedTheme());
document.addEventListener("DOMContentLoaded", () => {
  showPlaceInContents();
  addThemeButton();
  addCopyButtons();
  addSearch();
});
