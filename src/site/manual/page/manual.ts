import { chooseTheme, storedTheme } from "../../demo/page/state/theme.ts";
import { addCopyButtons } from "./copy.ts";
import { addSearch } from "./search.ts";
import { addThemeButton } from "./theme.ts";

/** What a script adds to the manual's pages: search, copy buttons, and the theme. Without it, they are complete. */

/** Scrolls the list of contents, where it has its own scroll bar, to the current page. */
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
