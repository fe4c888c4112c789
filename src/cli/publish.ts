import type { Command } from "commander";
import { z } from "zod";
import { EVENTS, eventTypesOf, isEventType } from "../protocol/events.ts";
import type { PublishResult } from "../protocol/publish.ts";
import { type Channel, channelArgument, publishPath } from "./channel-argument.ts";
import { wholeNumber, withCommonOptions } from "./options.ts";
import { usageError } from "./outcome.ts";
import { Service } from "./service.ts";
import { type CommonOptions, publishKey, serviceUrl } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

interface PublishOptions extends CommonOptions {
  id?: string;
  version?: number;
}

const publishResult = z.looseObject({
  id: z.string(),
  channel: z.string(),
  seq: z.number().nullish(),
  status: z.string(),
  receivers: z.number().optional(),
});

const EXAMPLES = `# The catalogue's example of an event
npx tidings publish products inventory_updated
# Data of your own
npx tidings publish products price_updated '{"product_id":"p-42","old_price":12.5,"new_price":9.99}'
echo '{"carrier":"UPS","tracking_number":"1Z999"}' | npx tidings publish $ORDER order_shipped -
# Safe to repeat: the same id is applied once. An older version than the last one is not delivered.
npx tidings publish $ORDER order_delivered --id delivery-7 --version 12`;

const TYPES_HELP = `
Types:
  on an order  ${eventTypesOf("order").join(" ")}
  on products  ${eventTypesOf("products").join(" ")}`;

/** `tidings publish`: sends one event to a channel. */
export function addPublish(program: Command, terminal: Terminal): void {
  const command = program
    .command("publish")
    .summary("publish an event")
    .description("Publishes one event and says what became of it and how many listeners it was sent to.")
    .argument("<channel>", "`products`, `order_<order id>`, or an order id")
    .argument("<type>", "the event's type")
    .argument("[data]", "its data: JSON, or `-` to read JSON from standard input; else the catalogue's example")
    .option("--id <id>", "the event's id; publishing it again does nothing")
    .option(
      "--version <number>",
      "a number that grows; what is not above the last one is not delivered",
      wholeNumber(0),
    )
    .addHelpText("after", TYPES_HELP)
    .action(async (channelText: string, type: string, dataText: string | undefined, options: PublishOptions) => {
      const channel = channelArgument(channelText);
      const data = dataText === undefined ? exampleOf(type, channel) : await readData(dataText, terminal);
      const { id, version } = options;
      const service = new Service(serviceUrl(options), publishKey(options, terminal));
      const event = { type, data, ...(id !== undefined && { id }), ...(version !== undefined && { version }) };
      const { body } = await service.call("POST", publishPath(channel), event);
      terminal.out(options.json ? JSON.stringify(body) : describe(type, body));
    });
  withCommonOptions(command, EXAMPLES);
}

function exampleOf(type: string, { orderId }: Channel): unknown {
  if (!isEventType(type)) {
    throw usageError(`There is no example of "${type}": it is no type of the catalogue, which has${types()}`);
  }
  const kind = orderId === null ? "products" : "order";
  if (EVENTS[type].channel !== kind) throw usageError(`"${type}" does not go to this channel. The types are${types()}`);
  return orderId === null ? EVENTS[type].example : { ...EVENTS[type].example, order_id: orderId };
}

const types = () =>
  `:\n  on an order: ${eventTypesOf("order").join(", ")}\n  on products: ${eventTypesOf("products").join(", ")}`;

/** @throws {CommandError} when it is no JSON. What the JSON says, the service judges. */
async function readData(text: string, terminal: Terminal): Promise<unknown> {
  const json = text === "-" ? await terminal.readInput() : text;
  try {
    return JSON.parse(json);
  } catch (error) {
    const from = text === "-" ? "Standard input" : "The data";
    throw usageError(
      `${from} is not JSON: ${error instanceof Error ? error.message : error}. Quote it: '{"name":"value"}'.`,
    );
  }
}

function describe(type: string, body: unknown): string {
  const { id, channel, seq, status, receivers } = publishResult.parse(body);
  const listeners = receivers === 1 ? "1 listener" : `${receivers ?? 0} listeners`;
  const known: Partial<Record<string, string>> = {
    applied: `sent to ${listeners} as seq ${seq}`,
    duplicate: `its id was applied before, as seq ${seq}; nothing was sent`,
    stale: "its version is not above the last one applied; nothing was sent",
  } satisfies Record<PublishResult["status"], string>;
  return `${status}: ${type} on ${channel}${known[status] ? `, ${known[status]}` : ""} (id ${id})`;
}
