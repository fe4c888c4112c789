import { describe } from "vitest";
import { CHROMIUM } from "./support/chromium.ts";
import { describeRecovery } from "./support/recovery-suite.ts";

describe("[promise 3] a page in Chromium", () => describeRecovery(CHROMIUM));
