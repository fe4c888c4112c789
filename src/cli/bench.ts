import type { Command } from "commander";
import { type BenchResult, runBench } from "./bench-run.ts";
import { wholeNumber, withCommonOptions } from "./options.ts";
import { Service } from "./service.ts";
import { type CommonOptions, jwtSecret, publishKey, serviceUrl } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

interface BenchOptions extends CommonOptions {
  sockets: number;
  events: number;
  batch: number;
}

const EXAMPLES = `# What \`npm run dev\` has started
npx tidings bench
# More of everything; the service has to run with RATE_LIMITS=off for that
npx tidings bench --sockets 1000 --events 5000`;

/** `tidings bench`: loads a running service through its URL, and says how fast it was. */
export function addBench(program: Command, terminal: Terminal): void {
  const command = program
    .command("bench")
    .summary("load a running service")
    .description(
      "Registers an order of its own, opens sockets to it, publishes events one by one and in batches, and says how\n" +
        "many connections and deliveries a second that made, and how long an event took to its listener. What it\n" +
        "measures includes this machine and the network between.",
    )
    .option("--sockets <number>", "how many listeners", wholeNumber(1), 100)
    .option("--events <number>", "how many events in batches, and a tenth of that one by one", wholeNumber(10), 1000)
    .option("--batch <number>", "how many events a batch has, at most 1000", wholeNumber(1), 100)
    .action(async (options: BenchOptions) => {
      const service = new Service(serviceUrl(options), publishKey(options, terminal));
      const { sockets, events, batch } = options;
      const secret = jwtSecret(options, terminal);
      const result = await runBench({ service, secret, sockets, events, batch: Math.min(batch, 1000) }, (step) =>
        terminal.note(step),
      );
      terminal.out(options.json ? JSON.stringify(result) : inWords(result));
    });
  withCommonOptions(command, EXAMPLES);
}

function inWords({ connections, latency, burst }: BenchResult): string {
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  return [
    `connections   ${connections.per_second.toFixed(0)} a second (${connections.count})`,
    `one by one    p50 ${ms(latency.p50_ms)}, p95 ${ms(latency.p95_ms)}, p99 ${ms(latency.p99_ms)} from publish to the last listener (${latency.events} events)`,
    `in batches    ${burst.deliveries_per_second.toFixed(0)} deliveries a second (${burst.events} events to each)`,
  ].join("\n");
}
