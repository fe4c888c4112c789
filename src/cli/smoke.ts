import type { Command } from "commander";
import { wholeNumber, withCommonOptions } from "./options.ts";
import { CommandError, EXIT } from "./outcome.ts";
import { Service } from "./service.ts";
import { type CommonOptions, jwtSecret, publishKey, serviceUrl } from "./settings.ts";
import { type Check, runChecks } from "./smoke-checks.ts";
import { SmokeRun } from "./smoke-run.ts";
import type { Terminal } from "./terminal.ts";

interface SmokeOptions extends CommonOptions {
  timeout: number;
}

interface CheckResult {
  check: string;
  ok: boolean;
  /** What was wrong; only there when something was. */
  detail?: string;
}

const EXAMPLES = `# What \`npm run dev\` has started
npx tidings smoke
# A deployment, with its own credentials in the environment
TIDINGS_KEY=... JWT_SECRET=... npx tidings smoke --url https://tidings.shop.example`;

/** `tidings smoke`: tries a running service end to end, through its URL alone. */
export function addSmoke(program: Command, terminal: Terminal): void {
  const command = program
    .command("smoke")
    .summary("try a running service end to end")
    .description(
      "Registers an order of its own, connects as owner, admin, stranger and customer, publishes one event of every\n" +
        "type, and checks who gets what. It leaves a real shop's orders alone and deletes its own; its product events\n" +
        "are about a product that no shop has.",
    )
    .option("--timeout <seconds>", "how long to wait for what should come at once", wholeNumber(1), 10)
    .action(async (options: SmokeOptions) => {
      const service = new Service(serviceUrl(options), publishKey(options, terminal));
      const secret = jwtSecret(options, terminal);
      const results: CheckResult[] = [];
      const check = checkInto(results, (result) => !options.json && terminal.out(lineOf(result)));
      const run = new SmokeRun({ service, secret, timeoutMs: options.timeout * 1000 });
      await runChecks(run, check).finally(() => run.tidyUp());

      if (options.json) terminal.out(JSON.stringify(results));
      const failed = results.filter(({ ok }) => !ok).length;
      if (failed > 0) throw new CommandError(EXIT.failed, `${failed} of ${results.length} checks failed.`);
      if (!options.json) terminal.out(`All ${results.length} checks passed.`);
    });
  withCommonOptions(command, EXAMPLES);
}

function checkInto(results: CheckResult[], tell: (result: CheckResult) => void): Check {
  return async (check, body) => {
    try {
      const value = await body();
      results.push({ check, ok: true });
      return value;
    } catch (error) {
      // Nobody there at all is not a check that failed.
      if (results.length === 0 && error instanceof CommandError && error.exitCode === EXIT.unreachable) throw error;
      results.push({ check, ok: false, detail: error instanceof Error ? error.message : String(error) });
      return null;
    } finally {
      const result = results.at(-1);
      if (result?.check === check) tell(result);
    }
  };
}

function lineOf({ check, ok, detail = "" }: CheckResult): string {
  return ok ? `ok    ${check}` : `FAIL  ${check}\n      ${detail.replaceAll("\n", "\n      ")}`;
}
