import type { Command } from "commander";
import { parseProductFilter } from "../protocol/client-messages.ts";
import { UNAUTHENTICATED } from "../protocol/close-rules.ts";
import { MAX_FILTER_PRODUCTS, type Position } from "../protocol/frames.ts";
import { type Channel, channelArgument, socketPath } from "./channel-argument.ts";
import { describeClosing, remedyOf } from "./closing.ts";
import { type Followed, type FollowReport, follow } from "./follow.ts";
import { eventLine } from "./frame.ts";
import { mintToken } from "./mint.ts";
import { wholeNumber, withCommonOptions } from "./options.ts";
import { CommandError, EXIT, usageError } from "./outcome.ts";
import { HEALTH_PATH, Service } from "./service.ts";
import { type CommonOptions, jwtSecret, type Setting, serviceUrl } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

interface WatchOptions extends CommonOptions {
  token?: string;
  subject?: string;
  role?: string;
  since?: number;
  epoch?: string;
  productId?: string;
}

const EXAMPLES = `# An order, as an admin; then as its owner
npx tidings watch $ORDER
npx tidings watch $ORDER --subject alice
# Two products, as JSON for another program
npx tidings watch products --product-id p-42,p-43 --json | jq .data
# Everything since a position, as the last run's summary gave it
npx tidings watch products --since 12 --epoch 5f0c2a91`;

/** `tidings watch`: follows a channel, across breaks, until Ctrl-C. */
export function addWatch(program: Command, terminal: Terminal): void {
  const command = program
    .command("watch")
    .summary("follow a channel")
    .description(
      "Prints a channel's events, one line each. After a break it comes back and takes up where it stopped.\n" +
        "Without --token it mints one for each connection: an admin's, or that of --subject and --role.",
    )
    .argument("<channel>", "`products`, `order_<order id>`, or an order id")
    .option("--token <token>", "listen with this token")
    .option("--subject <user>", "listen as this user")
    .option("--role <role>", "listen in this role")
    .option("--since <seq>", "begin after this position; needs --epoch", wholeNumber(0))
    .option("--epoch <epoch>", "the epoch that --since counts in, as the first frame names it")
    .option("--product-id <ids>", `only these products, separated by commas, at most ${MAX_FILTER_PRODUCTS}`)
    .action(async (channelText: string, options: WatchOptions) => {
      const channel = channelArgument(channelText);
      const service = new Service(serviceUrl(options), null);
      const interruption = new AbortController();
      const undo = terminal.onInterrupt(() => interruption.abort());
      let events = 0;
      const report = reportTo(terminal, options.json === true, () => events++);
      const target = {
        socketUrl: socketUrls(service, channel, options, terminal),
        canRenewToken: options.token === undefined,
        isWhole: options.productId === undefined,
      };
      const followed = await follow(target, startOf(options), report, interruption.signal).finally(undo);
      if (followed.position) terminal.note(summaryOf(followed, channel, events));
      if (followed.end !== "interrupted")
        throw await failureOf(followed, service, options.token === undefined ? jwtSecret(options, terminal) : null);
    });
  withCommonOptions(command, EXAMPLES);
}

/** @returns What makes the URL for a connection. Mistakes in the options are found now, not then. */
function socketUrls(service: Service, channel: Channel, options: WatchOptions, terminal: Terminal) {
  const { token, subject, role, productId } = options;
  if (token !== undefined && (subject !== undefined || role !== undefined)) {
    throw usageError("--token says who listens; --subject and --role are for tokens minted here.");
  }
  if (productId !== undefined && channel.orderId !== null)
    throw usageError("--product-id is for the products channel.");
  if (parseProductFilter(productId ?? null) === "invalid") {
    throw usageError(`--product-id takes 1 to ${MAX_FILTER_PRODUCTS} product ids, separated by commas.`);
  }
  // One who names a user and no role listens as an ordinary user.
  const minted = subject === undefined ? { subject: "tidings-watch", role: role ?? "admin" } : { subject, role };
  const secret = token === undefined ? jwtSecret(options, terminal).value : "";
  return async (position: Position | null) =>
    service.socketUrl(socketPath(channel), {
      token: token ?? (await mintToken(minted, secret)).token,
      ...(productId !== undefined && { product_id: productId }),
      ...(position && { since: String(position.seq), epoch: position.epoch }),
    });
}

function startOf({ since, epoch }: WatchOptions): Position | null {
  if (since === undefined && epoch === undefined) return null;
  if (since !== undefined && epoch !== undefined) return { seq: since, epoch };
  throw usageError("--since and --epoch go together: a position counts within its epoch.");
}

/** Events, or with `--json` every frame as it came, go to standard output; remarks do not. */
function reportTo(terminal: Terminal, isJson: boolean, onEvent: () => void): FollowReport {
  return {
    frame: (text) => isJson && terminal.out(text),
    event(event) {
      onEvent();
      if (!isJson) terminal.out(eventLine(event));
    },
    connected({ channel, seq, epoch, current_status, payment_status }) {
      const state = current_status === undefined ? "" : `, status ${current_status}, payment ${payment_status}`;
      terminal.note(`listening to ${channel} at seq ${seq} (epoch ${epoch}${state})`);
    },
    recovered(count, since) {
      terminal.note(
        `${count === 0 ? "nothing was missed" : `recovered ${countOf(count, "event")}`} since seq ${since}`,
      );
    },
    notRecovered(asked, now) {
      const why = asked.epoch === now.epoch ? "history no longer reaches back" : "the channel began anew";
      terminal.note(
        `could not recover: ${why}; went on from seq ${asked.seq} of ${asked.epoch} to seq ${now.seq} of ${now.epoch}`,
      );
    },
    gap: (after, before) => terminal.note(`gap: after seq ${after} came seq ${before}`),
    retrying(closing, delayMs) {
      terminal.note(`closed with ${describeClosing(closing)}; trying again in ${(delayMs / 1000).toFixed(1)} s`);
    },
  };
}

function summaryOf({ position, connections }: Followed, channel: Channel, events: number): string {
  const again = `npx tidings watch ${channel.name} --since ${position?.seq} --epoch ${position?.epoch}`;
  return `${countOf(events, "event")} in ${countOf(connections, "connection")}. To go on from here: ${again}`;
}

/** Why following ended, when it was not the person's wish. */
async function failureOf({ end, closing }: Followed, service: Service, secret: Setting | null): Promise<CommandError> {
  if (end === "refused") {
    // A token that was minted a moment ago is refused for one reason.
    const remedy =
      closing.code === UNAUTHENTICATED && secret
        ? `The token was signed with ${secret.source}: is that the JWT_SECRET of ${service.url}?`
        : remedyOf(closing.code);
    return new CommandError(EXIT.failed, `Closed with ${describeClosing(closing)} ${remedy}`.trim(), { ...closing });
  }
  // A failed handshake says nothing about why; the health page may: it is away, or wrongly configured.
  await service.call("GET", HEALTH_PATH);
  return new CommandError(
    EXIT.failed,
    `${service.url} answers, but a WebSocket to it closed with ${describeClosing(closing)}. A proxy between may not let WebSockets through.`,
  );
}

const countOf = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`;
