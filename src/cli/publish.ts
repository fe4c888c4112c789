import { randomUUID } from "node:crypto";
import { type Command, Option } from "commander";
import * as z from "zod";
import { catalogueWith, typesOf } from "../protocol/catalogue.ts";
import { publishPath } from "../protocol/paths.ts";
import type { PublishResult } from "../protocol/publish.ts";
import type { OutgoingEvent } from "../protocol/publish-call.ts";
import { DEAD_LETTERS, DEFAULT_STREAM, DOORBELL } from "../protocol/stream.ts";
import { type ChannelRef, channelArgument } from "./shared/channel-argument.ts";
import { usageError } from "./shared/command-error.ts";
import { countOf } from "./shared/count-of.ts";
import { parseJsonInput } from "./shared/json-input.ts";
import { wholeNumber, withCommonOptions } from "./shared/options.ts";
import { type Answer, parseAnswer, serviceWithKey } from "./shared/service.ts";
import { type CommonOptions, redisStream, redisTarget } from "./shared/settings.ts";
import type { Terminal } from "./shared/terminal.ts";

interface PublishCommandOptions extends CommonOptions {
  id?: string;
  version?: number;
  via: "http" | "redis";
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
# Your own data
npx tidings publish products price_updated '{"product_id":"p-42","old_price":12.5,"new_price":9.99}'
echo '{"carrier":"UPS","tracking_number":"1Z999"}' | npx tidings publish $ORDER order_shipped -
# Safe to repeat: an id is applied once, and an older version is not delivered
npx tidings publish $ORDER order_delivered --id delivery-7 --version 12
# Through the Redis stream that the service reads
npx tidings publish products inventory_updated --via redis`;

const KNOWN_EVENTS = catalogueWith([]);

const TYPES_BY_CHANNEL = `
  on an order  ${typesOf(KNOWN_EVENTS, "order").join(" ")}
  on products  ${typesOf(KNOWN_EVENTS, "products").join(" ")}`;

const TYPES_HELP = `
Types:${TYPES_BY_CHANNEL}
  and those that the service declares in EXTRA_EVENTS, which have no example here: pass their data`;

const REDIS_HELP = `
Via Redis:
  Adds the event to the stream named by REDIS_STREAM, also in wrangler.toml (default: ${DEFAULT_STREAM}), then publishes
  to ${DOORBELL} so that the service reads it immediately. Connects with UPSTASH_REDIS_REST_URL and
  UPSTASH_REDIS_REST_TOKEN if set, else with REDIS_URL (default: redis://127.0.0.1:6379); needs neither --url nor
  --key. Prints the entry's id. The service validates the event when it reads the entry, and moves one that it cannot
  deliver to ${DEAD_LETTERS}.`;

/** `tidings publish`: sends one event to a channel. */
export function addPublish(program: Command, terminal: Terminal): void {
  const command = program
    .command("publish")
    .summary("publish an event")
    .description("Publishes one event. Over HTTP, prints the result and how many listeners it was sent to.")
    .argument("<channel>", "`products`, `order_<order id>`, or an order id")
    .argument("<type>", "the event's type")
    .argument("[data]", "its data: JSON, or `-` to read JSON from standard input (default: the catalogue's example)")
    .option("--id <id>", "the event's id; an id is applied once")
    .option(
      "--version <number>",
      "the event's version, a number that grows with each event; an event whose version is not above the last is not delivered",
      wholeNumber(0),
    )
    .addOption(new Option("--via <way>", "how to send it").choices(["http", "redis"]).default("http"))
    .addHelpText("after", `${TYPES_HELP}\n${REDIS_HELP}`)
    .action(async (channelText: string, type: string, dataText: string | undefined, options: PublishCommandOptions) => {
      const channel = channelArgument(channelText);
      const data = dataText === undefined ? exampleOf(type, channel) : await readData(dataText, terminal);
      const { id, version, json = false } = options;
      if (options.via === "redis") {
        const event = { channel: channel.name, type, data: JSON.stringify(data), order: null };
        return publishViaRedis({ ...event, id: id ?? randomUUID(), version: version ?? null }, json, terminal);
      }
      const service = serviceWithKey(options, terminal);
      const answer = await service.call("POST", publishPath(channel.name), { type, data, id, version });
      terminal.out(json ? JSON.stringify(answer.body) : describeResult(type, answer));
    });
  withCommonOptions(command, EXAMPLES);
}

async function publishViaRedis(event: OutgoingEvent, isJson: boolean, terminal: Terminal): Promise<void> {
  const { id, channel, type } = event;
  const stream = redisStream(terminal);
  // Imported on demand: loading the Redis client takes a tenth of a second.
  const { addEntry } = await import("./redis/add-entry.ts");
  const added = await addEntry(redisTarget(terminal), stream, event);
  if (isJson) {
    return terminal.out(JSON.stringify({ id, channel, stream, entry_id: added.id, doorbell_heard_by: added.heardBy }));
  }
  terminal.out(`added: ${type} on ${channel}, as entry ${added.id} of ${stream} (id ${id})`);
  if (added.heardBy === null) {
    terminal.note("The doorbell message failed. The entry is safe in the stream; the service reads it a little later.");
  }
}

function exampleOf(type: string, { orderId }: ChannelRef): unknown {
  const definition = KNOWN_EVENTS.get(type);
  if (!definition) {
    throw usageError(
      `"${type}" is not in the catalogue, so there is no example of it. Give its data, or use:${TYPES_BY_CHANNEL}`,
    );
  }
  const kind = orderId === null ? "products" : "order";
  if (definition.channel !== kind)
    throw usageError(`"${type}" does not go to this channel. The types are:${TYPES_BY_CHANNEL}`);
  return orderId === null ? definition.example : { ...definition.example, order_id: orderId };
}

/** Reads JSON, which the service will validate. @throws {CommandError} when it is not JSON. */
async function readData(text: string, terminal: Terminal): Promise<unknown> {
  const json = text === "-" ? await terminal.readInput() : text;
  const from = text === "-" ? "Standard input" : "The data";
  try {
    return parseJsonInput(json, "data");
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const remedy = text === "-" ? "" : ` Quote it: '{"name":"value"}'.`;
    throw usageError(`${from} is not JSON: ${error.message}.${remedy}`);
  }
}

function describeResult(type: string, answer: Answer): string {
  const { id, channel, seq, status, receivers } = parseAnswer(publishResult, answer);
  const known: Partial<Record<string, string>> = {
    applied: `sent to ${countOf(receivers ?? 0, "listener")} as seq ${seq}`,
    duplicate: `this id was already applied, as seq ${seq}; nothing was sent`,
    stale: "its version is not above the last one applied, or the order was deleted; nothing was sent",
  } satisfies Record<PublishResult["status"], string>;
  return `${status}: ${type} on ${channel}${known[status] ? `, ${known[status]}` : ""} (id ${id})`;
}
