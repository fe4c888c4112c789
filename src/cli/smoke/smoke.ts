import type { Command } from "commander";
import { CommandError, EXIT } from "../shared/command-error.ts";
import { wholeNumber, withCommonOptions } from "../shared/options.ts";
import { serviceWithKey } from "../shared/service.ts";
import type { Terminal } from "../shared/terminal.ts";
import type { Check } from "./check.ts";
import { runChecks } from "./checks.ts";
import { SmokeRun } from "./run.ts";
import { smokeUsers, type UserOptions } from "./users.ts";

interface SmokeOptions extends UserOptions {
  timeout: number;
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
        "type, and checks who receives what. Safe in production: it deletes its orders and its product afterwards, " +
        "and no shop has either.",
    )
    .option("--token <token>", "a customer's token, instead of minting one")
    .option("--admin-token <token>", "an admin's token, instead of minting one")
    .option("--timeout <seconds>", "how long to wait for each frame", wholeNumber(1, 3600), 10)
    .action(async (options: SmokeOptions) => {
      const service = serviceWithKey(options, terminal);
      const users = (id: string) => smokeUsers(options, terminal, id);
      const run = new SmokeRun({ service, users, timeoutMs: options.timeout * 1000 });
      const results: CheckResult[] = [];
      const check = checkInto(results, run, (result) => !options.json && terminal.out(lineOf(result)));
      const removeHandler = terminal.onInterrupt(() => run.stop());
      try {
        await runChecks(run, check);
      } finally {
        const left = await run.cleanUp();
        if (left.length > 0) terminal.note(`Could not delete ${left.join(", ")}.`);
        removeHandler();
      }

      if (options.json) terminal.out(JSON.stringify(results));
      const failed = results.filter(({ ok }) => !ok).length;
      if (failed > 0) throw new CommandError(EXIT.failed, `${failed} of ${results.length} checks failed.`);
      if (!options.json) terminal.out(`All ${results.length} checks passed.`);
    });
  withCommonOptions(command, EXAMPLES);
}

function checkInto(results: CheckResult[], run: SmokeRun, report: (result: CheckResult) => void): Check {
  const add = (result: CheckResult) => {
    results.push(result);
    report(result);
  };
  return async (check, body) => {
    try {
      const value = await body();
      add({ check, ok: true });
      return value;
    } catch (error) {
      if (run.isStopped) throw new CommandError(EXIT.failed, "Interrupted.");
      // An unreachable service ends the command; it is not a failed check.
      if (results.length === 0 && error instanceof CommandError && error.exitCode === EXIT.unreachable) throw error;
      add({ check, ok: false, detail: error instanceof Error ? error.message : String(error) });
      return null;
    }
  };
}

function lineOf({ check, ok, detail = "" }: CheckResult): string {
  return ok ? `ok    ${check}` : `FAIL  ${check}\n      ${detail.replaceAll("\n", "\n      ")}`;
}
