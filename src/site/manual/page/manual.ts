import { addCopyButtons } from "./copy.ts";
import { addSearch } from "./search.ts";
import { addThemeButton, applyTheme } from "./theme.ts";

/** What a script adds to the manual's pages. Without it, they are complete but for the search. */

// Before the first paint: the script is in the page's head.
applyTheme();
document.addEventListener("DOMContentLoaded", () => {
  addThemeButton();
  addCopyButtons();
  addSearch();
});
