import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { RULE_FILES, type Rule, readRules, SMOKE_FILE } from "../conformance/format.ts";
import { playRules } from "../conformance/play.ts";
import { mintedUsers, type UserSource } from "../conformance/users.ts";
import { CommandError, EXIT, usageError } from "../shared/command-error.ts";
import { wholeNumber, withCommonOptions } from "../shared/options.ts";
import { jwtSecret, publishKey, remedyForRefusedKey, serviceUrl } from "../shared/settings.ts";
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
      "Registers temporary orders, connects as customer and as admin, publishes one event of every " +
        "type, and checks who receives what. Safe in production: its orders and its product are its own, and it deletes " +
        "them afterwards.",
    )
    .option("--token <token>", "a customer's token, instead of minting one")
    .option("--admin-token <token>", "an admin's token, instead of minting one")
    .option("--timeout <seconds>", "how long to wait for each frame", wholeNumber(1, 3600), 10)
    .option("--full", "also check every other rule of the protocol, as for another implementation of it")
    .action(async (options: SmokeOptions) => {
      const url = serviceUrl(options, terminal);
      const key = publishKey(options, terminal);
      const users = smokeUsers(options, terminal, randomUUID().slice(0, 8));
      if (options.full && options.token !== undefined) {
        throw usageError("--full mints the tokens of many users: leave out --token and --admin-token.");
      }
      const interrupted = new AbortController();
      const target = {
        url,
        key,
        timeoutMs: options.timeout * 1000,
        signal: interrupted.signal,
        onCleanUpFailed: (call: string) => terminal.note(`Could not clean up: ${call}.`),
      };
      const remedies = { key: remedyForRefusedKey(key, url), token: users.remedy(url) };
      const results: CheckResult[] = [];
      const check = checkInto(results, remedies, interrupted.signal, (result) => {
        if (!options.json) terminal.out(lineOf(result));
      });
      const play = (file: string, userOf: UserSource) => playRules(readRules(file), { ...target, userOf }, check);
      const removeHandler = terminal.onInterrupt(() => interrupted.abort());
      try {
        await play(SMOKE_FILE, (name) => (name === "admin" ? users.admin : users.customer));
        if (options.full) {
          const userOf = mintedUsers(jwtSecret(options, terminal));
          for (const file of RULE_FILES.filter((name) => name !== SMOKE_FILE)) await play(file, userOf);
        }
      } finally {
        removeHandler();
      }

      if (options.json) terminal.out(JSON.stringify(results));
      const failed = results.filter(({ ok }) => !ok).length;
      if (failed > 0) throw new CommandError(EXIT.failed, `${failed} of ${results.length} checks failed.`);
      if (!options.json) terminal.out(`All ${results.length} checks passed.`);
    });
  withCommonOptions(command, EXAMPLES);
}

/** @param remedies What to do about a refused credential. */
function checkInto(
  results: CheckResult[],
  remedies: Record<NonNullable<Rule["depends_on"]>, string>,
  interrupted: AbortSignal,
  report: (result: CheckResult) => void,
) {
  const add = (result: CheckResult) => {
    results.push(result);
    report(result);
  };
  return async ({ rule, depends_on }: Rule, body: () => Promise<void>): Promise<boolean> => {
    try {
      await body();
      add({ check: rule, ok: true });
      return true;
    } catch (error) {
      if (interrupted.aborted) throw new CommandError(EXIT.failed, "Interrupted.");
      // An unreachable service ends the command; it is not a failed check.
      if (results.length === 0 && error instanceof CommandError && error.exitCode === EXIT.unreachable) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      add({ check: rule, ok: false, detail: depends_on ? `${reason}\n${remedies[depends_on]}` : reason });
      return false;
    }
  };
}

function lineOf({ check, ok, detail = "" }: CheckResult): string {
  return ok ? `ok    ${check}` : `FAIL  ${check}\n      ${detail.replaceAll("\n", "\n      ")}`;
}
