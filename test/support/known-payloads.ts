import { EVENTS } from "../../src/protocol/events.ts";
import { rememberPayload } from "./log-guard.ts";

/** What no test has to be asked for: the catalogue's examples, which most of them publish. */
for (const { example } of Object.values(EVENTS)) rememberPayload(example);
