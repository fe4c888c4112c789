import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";

/** The format of the files in `rules/`; "Test an implementation" in the manual's protocol reference explains it. */

const name = z.string().regex(/^[a-z][a-z0-9_]*$/);

/** A user. `is_admin` gives the token the service's admin role. */
const userSchema = z.strictObject({
  subject: z.string(),
  is_admin: z.boolean().default(false),
  /** Seconds from now. */
  expires_in: z.int().default(3600),
  /** Signs with a secret that the service does not know. */
  is_forged: z.boolean().default(false),
});
export type User = z.infer<typeof userSchema>;

const callStep = z.strictObject({
  call: z.string().regex(/^(GET|POST|PUT|DELETE) \//),
  /** The bearer token or publish key; null to send none. */
  as: z.string().nullable().default("{key}"),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.json().optional(),
  status: z.int(),
  answer: z.json().optional(),
  /** Repeats the call until the answer is the expected one, for what the service counts asynchronously. */
  eventually: z.boolean().default(false),
});
const connectStep = z.strictObject({
  connect: name,
  url: z.string().startsWith("/"),
  subprotocols: z.array(z.string()).default([]),
  /** The subprotocol that the service must select; empty for none. */
  selects: z.string().optional(),
});
const sendStep = z.strictObject({ send: z.json(), on: name });
const receiveStep = z.strictObject({ receive: name, messages: z.array(z.json()).min(1) });
const quietStep = z.strictObject({ quiet: z.array(name).min(1) });
const closedStep = z.strictObject({ closed: name, code: z.int(), reason: z.string().optional() });
const closeStep = z.strictObject({ close: name });

const ruleStep = z.union([callStep, connectStep, sendStep, receiveStep, quietStep, closedStep, closeStep]);
export type Step = z.infer<typeof ruleStep>;
export type CallStep = z.infer<typeof callStep>;

const ruleSchema = z.strictObject({
  rule: z.string(),
  steps: z.array(ruleStep).min(1),
  /** Breaking this rule ends the file, because the later rules depend on it. */
  is_essential: z.boolean().default(false),
  /** The credential that is probably wrong when this rule is broken. */
  depends_on: z.enum(["key", "token"]).optional(),
});
export type Rule = z.infer<typeof ruleSchema>;

const ruleFile = z.strictObject({
  title: z.string(),
  users: z.record(name, userSchema).default({}),
  rules: z.array(ruleSchema).min(1),
  /** Made at the end, whatever happened before. Their answers break no rule. */
  finally: z.array(callStep).default([]),
});
export type RuleFile = z.infer<typeof ruleFile>;

const RULES_FOLDER = join(import.meta.dirname, "rules");
/** Played by `tidings smoke` without `--full`. */
export const SMOKE_FILE = "smoke";

/** The names of all files; the one for `tidings smoke` comes first. */
export const RULE_FILES: readonly string[] = [
  SMOKE_FILE,
  ...readdirSync(RULES_FOLDER)
    .map((file) => file.replace(/\.json$/, ""))
    .filter((file) => file !== SMOKE_FILE)
    .sort(),
];

/** Reads a file of rules. @throws when it does not have the format. */
export function readRules(file: string): RuleFile {
  return ruleFile.parse(JSON.parse(readFileSync(join(RULES_FOLDER, `${file}.json`), "utf8")));
}
