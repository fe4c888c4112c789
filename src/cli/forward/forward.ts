import type { Command } from "commander";
import { BATCH_PATH } from "../../protocol/paths.ts";
import { isTransientStatus } from "../../sdk/publisher/publish-error.ts";
import { DEFAULT_REDIS_URL, redisUrlOf } from "../redis/url.ts";
import { CommandError, EXIT, usageError } from "../shared/command-error.ts";
import { wholeNumber, withCommonOptions } from "../shared/options.ts";
import { ServiceClient } from "../shared/service.ts";
import { type CommonOptions, publishKey, serviceUrl } from "../shared/settings.ts";
import type { Terminal } from "../shared/terminal.ts";
import { isOneChannel, type Mapping } from "./message.ts";

interface ForwardOptions extends CommonOptions {
  redis?: string;
  orders: string;
  products: string;
  orderField?: string;
  typeField: string;
  dataField: string;
  flat?: boolean;
  lock?: string;
  metricsPort?: number;
  metricsHost: string;
}

const EXAMPLES = `# What the original publishes; secrets come from the environment
REDIS_URL=redis://:password@127.0.0.1 TIDINGS_KEY=... npx tidings forward --url https://tidings.example.workers.dev
# One channel for all orders: {"event":"order_shipped","order":"<order id>","carrier":"UPS"}
npx tidings forward --orders shop_orders --order-field order --type-field event --flat`;

const GUARANTEES = `
Guarantees:
  Publishes each message that it receives once, in order per channel, also when the service is down or is killed: messages
  wait in memory, up to 64 MB. Run two instances if you like: a lock in Redis lets one forward, the other is on standby.
  Redis pub/sub keeps nothing, so what is published while no instance is connected is lost: while Redis or this command
  restarts, while Redis cannot save, when an instance starts on a full Redis, and for up to 11 seconds after an instance
  was killed. Publish over HTTP or to the stream for more.`;

/** `tidings forward`: publishes what the original's publishers send through Redis pub/sub. */
export function addForward(program: Command, terminal: Terminal): void {
  const command = program
    .command("forward")
    .summary("forward the original's Redis pub/sub messages")
    .description(
      "Subscribes to the Redis pub/sub channels of the original service and publishes what it receives over HTTP, until " +
        "Ctrl-C or SIGTERM. Prints a line a minute, and one for each message that is not an event.",
    )
    .option("--redis <url>", `the Redis with the channels (default: REDIS_URL, or ${DEFAULT_REDIS_URL})`)
    .option(
      "--orders <pattern>",
      "the orders' channels, with * for the order id, or one channel for all orders",
      "order_*",
    )
    .option("--products <channel>", "the products' channel", "products")
    .option(
      "--order-field <path>",
      "in one channel for all orders: the field with the order id (default: order_id in the data)",
    )
    .option("--type-field <name>", "the message's field with the event's type", "type")
    .option("--data-field <name>", "the message's field with the event's data", "data")
    .option("--flat", "the message's other fields are the data")
    .option("--lock <key>", "the lock's key in Redis (default: one for each service)")
    .option("--metrics-port <port>", "serve Prometheus metrics at /metrics on this port", wholeNumber(0, 65_535))
    .option("--metrics-host <address>", "the address to serve them on", "127.0.0.1")
    .addHelpText("after", GUARANTEES)
    .action((options: ForwardOptions) => forward(options, terminal));
  withCommonOptions(command, EXAMPLES);
}

async function forward(options: ForwardOptions, terminal: Terminal): Promise<void> {
  const mapping = mappingOf(options);
  const redisUrl = redisUrlOf(terminal, options.redis);
  const url = serviceUrl(options, terminal);
  const key = publishKey(options, terminal);
  warnOfVisibleSecrets(options, terminal);
  await expectAccepted(new ServiceClient(url, key), terminal);
  // Imported on demand: loading the Redis client takes a tenth of a second.
  const { runForward } = await import("./run.ts");
  await runForward(
    {
      mapping,
      redisUrl,
      url,
      key: key.value,
      lockKey: options.lock ?? `tidings:forward:${url}`,
      isJson: options.json === true,
      metrics: options.metricsPort === undefined ? null : { port: options.metricsPort, host: options.metricsHost },
    },
    terminal,
  );
}

function mappingOf(options: ForwardOptions): Mapping {
  const { orders, products, typeField, flat } = options;
  if (!/^[^*?[\]\\]*(\*[^*?[\]\\]*)?$/.test(orders) || orders === "" || orders === products) {
    throw usageError("--orders must be a channel other than --products, or a pattern with one * for the order id.");
  }
  const dataField = flat ? null : options.dataField;
  const { orderField = dataField === null ? "order_id" : `${dataField}.order_id` } = options;
  const mapping = { orders, products, orderField, typeField, dataField };
  if (options.orderField !== undefined && !isOneChannel(mapping)) {
    throw usageError("--order-field is for one channel for all orders, but --orders has a * for the order id.");
  }
  return mapping;
}

/** `ps` shows a process's arguments, and this process runs for a long time. */
function warnOfVisibleSecrets({ key, redis }: ForwardOptions, terminal: Terminal): void {
  const remedies = [
    ...(key === undefined ? [] : ["--key: set TIDINGS_KEY in the environment instead"]),
    ...(redis !== undefined && URL.parse(redis)?.password ? ["--redis: set REDIS_URL in the environment instead"] : []),
  ];
  for (const remedy of remedies) terminal.note(`Every user of this machine can see the secret in ${remedy}.`);
}

/**
 * Ends with an error for a key that the service refuses. A service that is down, or a proxy's answer for it, only causes a
 * note: messages wait for it.
 */
async function expectAccepted(service: ServiceClient, terminal: Terminal): Promise<void> {
  try {
    await service.call("POST", BATCH_PATH, { events: [] });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const { status } = error.details;
    // The key was accepted; only the empty batch was refused.
    if (status === 422) return;
    const isTransient = error.exitCode === EXIT.unreachable || isTransientStatus(Number(status));
    if (!isTransient) throw error;
    terminal.note(`${error.message} Messages wait until the service accepts them.`);
  }
}
