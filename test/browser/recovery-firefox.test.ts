import { describe } from "vitest";
import { FIREFOX } from "./support/firefox.ts";
import { describeRecovery } from "./support/recovery-suite.ts";

describe("[promise 3] a page in Firefox", () => describeRecovery(FIREFOX));
