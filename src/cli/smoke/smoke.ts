import type { Command } from "commander";
import { RULE_FILES, type Rule, readRules, SMOKE_FILE } from "../conformance/format.ts";
import { playRules } from "../conformance/play.ts";
import { CommandError, EXIT, usageError } from "../shared/command-error.ts";
import { wholeNumber, withCommonOptions } from "../shared/options.ts";
import { publishKey, remedyForRefusedKey, serviceUrl } from "../shared/settings.ts";
import type { Terminal } from "../shared/terminal.ts";
import { smokeUsers, type UserOptions } from "./users.ts";

interface SmokeOptions extends UserOptions {
  timeout: number;
  full?: boolean;
}

interface CheckResult {
  check: string;
  ok: boolean;
  /** Why it failed. */
  detail?: string;
}

const EXAMPLES = `# The service that \`npm run dev\` has started
npx tidings smoke
# A deployment, with its credentials in the environment
TIDINGS_KEY=... JWT_SECRET=... npx tidings smoke --url https://tidings.shop.example
# A service that accepts only tokens of a login service
npx tidings smoke --token "$CUSTOMER_TOKEN" --admin-token "$ADMIN_TOKEN"`;

/** `tidings smoke`: tests a running service end to end, through its URL alone. */
export function addSmoke(program: Command, terminal: Terminal): void {
  const command = program
    .command("smoke")
    .summary("test a running service end to end")
    .description(
      "Registers temporary orders, connects as customer and as admin, publishes one event of every type, and checks " +
        "who receives what. Safe in production: it uses only orders and products of its own, and deletes them " +
        "afterwards. Listeners without a product filter also receive the events of its products.",
    )
    .option("--token <token>", "a customer's token, instead of minting one")
    .option("--admin-token <token>", "an admin's token, instead of minting one")
    .option("--timeout <seconds>", "how long to wait for each frame", wholeNumber(1, 3600), 10)
    .option("--full", "also check every other rule of the protocol, for example to test another implementation")
    .action((options: SmokeOptions) => smoke(options, terminal));
  withCommonOptions(command, EXAMPLES);
}

async function smoke(options: SmokeOptions, terminal: Terminal): Promise<void> {
  const url = serviceUrl(options, terminal);
  const key = publishKey(options, terminal);
  const { userOf, remedy } = smokeUsers(options, terminal, url);
  if (options.full && options.token !== undefined) {
    throw usageError("--full mints the tokens of many users: leave out --token and --admin-token.");
  }
  const interrupted = new AbortController();
  const target = {
    url,
    key,
    userOf,
    timeoutMs: options.timeout * 1000,
    signal: interrupted.signal,
    onCleanUpFailed: (call: string) => terminal.note(`Could not clean up: ${call}.`),
  };
  const results: CheckResult[] = [];
  const remedies = { key: remedyForRefusedKey(key, url), token: remedy };
  const check = async ({ rule, depends_on }: Rule, play: () => Promise<void>): Promise<boolean> => {
    let result: CheckResult = { check: rule, ok: true };
    try {
      await play();
    } catch (error) {
      if (interrupted.signal.aborted) throw new CommandError(EXIT.failed, "Interrupted.");
      // An unreachable service ends the command; it is not a failed check.
      if (results.length === 0 && error instanceof CommandError && error.exitCode === EXIT.unreachable) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      result = { check: rule, ok: false, detail: depends_on ? `${reason}\n${remedies[depends_on]}` : reason };
    }
    results.push(result);
    if (!options.json) terminal.out(lineOf(result));
    return result.ok;
  };
  const removeHandler = terminal.onInterrupt(() => interrupted.abort());
  try {
    for (const file of options.full ? RULE_FILES : [SMOKE_FILE]) await playRules(readRules(file), target, check);
  } finally {
    removeHandler();
  }

  if (options.json) terminal.out(JSON.stringify(results));
  const failed = results.filter(({ ok }) => !ok).length;
  if (failed > 0) throw new CommandError(EXIT.failed, `${failed} of ${results.length} checks failed.`);
  if (!options.json) terminal.out(`All ${results.length} checks passed.`);
}

function lineOf({ check, ok, detail = "" }: CheckResult): string {
  return ok ? `ok    ${check}` : `FAIL  ${check}\n      ${detail.replaceAll("\n", "\n      ")}`;
}
