import type { Command } from "commander";
import { MAX_BATCH_EVENTS } from "../../protocol/publish-call.ts";
import { CommandError, EXIT } from "../shared/command-error.ts";
import { wholeNumber, withCommonOptions } from "../shared/options.ts";
import { serviceWithKey } from "../shared/service.ts";
import { type CommonOptions, jwtSecret } from "../shared/settings.ts";
import type { Terminal } from "../shared/terminal.ts";
import { type BenchResult, runBench } from "./run.ts";

interface BenchOptions extends CommonOptions {
  sockets: number;
  events: number;
  batch: number;
}

/** These bounds catch mistakes; one process holds fewer sockets. */
const MAX_SOCKETS = 100_000;
const MAX_EVENTS = 10_000_000;

const EXAMPLES = `# The service that \`npm run dev\` has started
npx tidings bench
# A larger load; the service has to run with RATE_LIMITS=off
npx tidings bench --sockets 1000 --events 5000`;

/** `tidings bench`: measures the throughput and latency of a running service, through its URL. */
export function addBench(program: Command, terminal: Terminal): void {
  const command = program
    .command("bench")
    .summary("measure a running service")
    .description(
      "Registers a temporary order, opens sockets to it, and publishes events one by one and in batches. Prints " +
        "connections per second, deliveries per second, and the latency from publish to listener. The results include " +
        "this machine and the network in between.",
    )
    .option("--sockets <number>", "how many listeners", wholeNumber(1, MAX_SOCKETS), 100)
    .option(
      "--events <number>",
      "how many events in batches, and a tenth of that one by one",
      wholeNumber(10, MAX_EVENTS),
      1000,
    )
    .option("--batch <number>", "how many events per batch", wholeNumber(1, MAX_BATCH_EVENTS), 100)
    .action(async (options: BenchOptions) => {
      const service = serviceWithKey(options, terminal);
      const { sockets, events, batch } = options;
      const secret = jwtSecret(options, terminal);
      const interruption = new AbortController();
      const removeHandler = terminal.onInterrupt(() =>
        interruption.abort(new CommandError(EXIT.failed, "Interrupted.")),
      );
      const setup = { service, secret, sockets, events, batch, signal: interruption.signal };
      try {
        const result = await runBench(setup, (line) => terminal.note(line));
        terminal.out(options.json ? JSON.stringify(result) : inWords(result));
      } finally {
        removeHandler();
      }
    });
  withCommonOptions(command, EXAMPLES);
}

function inWords({ connections, latency, burst }: BenchResult): string {
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  return [
    `connections   ${connections.per_second.toFixed(0)} a second (${connections.count})`,
    `one by one    p50 ${ms(latency.p50_ms)}, p95 ${ms(latency.p95_ms)}, p99 ${ms(latency.p99_ms)} from publish to the last listener (${latency.events} events)`,
    `in batches    ${burst.deliveries_per_second.toFixed(0)} deliveries a second (${burst.events} events to each listener)`,
  ].join("\n");
}
