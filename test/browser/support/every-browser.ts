import type { BrowserKind } from "./browsers.ts";
import { CHROMIUM } from "./chromium.ts";
import { FIREFOX } from "./firefox.ts";

/** @example describe.each(BROWSERS)("in $name", (kind) => { … setUpSiteIn(kind, ["order"]) … }) */
export const BROWSERS: readonly BrowserKind[] = [CHROMIUM, FIREFOX];
