import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { isCloseCode, UNAUTHENTICATED } from "../../protocol/close-rules.ts";
import { MAX_FILTER_PRODUCTS } from "../../protocol/frames.ts";
import { MAX_PRODUCT_ID_LENGTH } from "../../protocol/names.ts";
import { HEALTH_PATH } from "../../protocol/paths.ts";
import { parseProductList } from "../../protocol/product-filter.ts";
import type { Position } from "../../sdk/index.ts";
import { type ChannelRef, channelArgument } from "../shared/channel-argument.ts";
import { describeClosing, remedyFor } from "../shared/closing.ts";
import { CommandError, EXIT, usageError } from "../shared/command-error.ts";
import { countOf } from "../shared/count-of.ts";
import { expectJwt } from "../shared/given-token.ts";
import { mintToken } from "../shared/mint.ts";
import { wholeNumber, withCommonOptions } from "../shared/options.ts";
import { ServiceClient } from "../shared/service.ts";
import {
  type CommonOptions,
  jwtSecret,
  remedyForRefusedToken,
  type SigningSecret,
  serviceUrl,
} from "../shared/settings.ts";
import type { Terminal } from "../shared/terminal.ts";
import { type Followed, type FollowTarget, follow } from "./follow.ts";
import { reportTo } from "./report.ts";

interface WatchOptions extends CommonOptions {
  token?: string;
  subject?: string;
  role?: string;
  since?: number;
  epoch?: string;
  productId?: string;
  conflate?: boolean;
}

const EXAMPLES = `# An order, as an admin; then as its owner
npx tidings watch $ORDER
npx tidings watch $ORDER --subject alice
# Two products, as JSON for another program
npx tidings watch products --product-id p-42,p-43 --json | jq .data
# Everything after a position, as the summary of the last run printed it
npx tidings watch products --since 12 --epoch 5f0c2a91`;

/** `tidings watch`: follows a channel across reconnects until Ctrl-C. */
export function addWatch(program: Command, terminal: Terminal): void {
  const command = program
    .command("watch")
    .summary("follow a channel")
    .description(
      "Prints a channel's events, one per line. After a disconnect it reconnects and resumes where it stopped.\n" +
        "Without --token it mints its tokens: an admin's, or one for --subject and --role.",
    )
    .argument("<channel>", "`products`, `order_<order id>`, or an order id")
    .option("--token <token>", "listen with this token")
    .option("--subject <user>", "listen as this user")
    .option("--role <role>", "listen in this role")
    .option("--since <seq>", "start after this position; needs --epoch", wholeNumber(0))
    .option("--epoch <epoch>", "the epoch of --since, as in the first frame")
    .option("--product-id <ids>", `only these products: up to ${MAX_FILTER_PRODUCTS} ids, separated by commas`)
    .option("--conflate", "receive only the newest stock level and price of each product among those sent together")
    .action(async (channelText: string, options: WatchOptions) => {
      const channel = channelArgument(channelText);
      const service = new ServiceClient(serviceUrl(options, terminal), null);
      const secret = options.token === undefined ? jwtSecret(options, terminal) : null;
      const target: FollowTarget = {
        url: service.url,
        orderId: channel.orderId,
        productIds: productFilter(options, channel),
        conflate: conflation(options, channel),
        position: startPosition(options),
        getToken: tokenSource(options, secret),
      };
      const followed = await followUntilInterrupted(target, service, terminal, options.json === true);
      if (followed.position) terminal.note(summaryOf(followed, followed.position));
      if (followed.end.type !== "interrupted") throw await endError(followed.end, service, secret);
    });
  withCommonOptions(command, EXAMPLES);
}

/** @throws {CommandError} when there is no service at the URL. */
async function followUntilInterrupted(
  target: FollowTarget,
  service: ServiceClient,
  terminal: Terminal,
  isJson: boolean,
): Promise<Followed> {
  const interruption = new AbortController();
  const removeHandler = terminal.onInterrupt(() => interruption.abort());
  terminal.onOutputClosed(() => interruption.abort());
  // The SDK retries forever; a URL without a service is a reason to stop immediately.
  let unreachable: CommandError | undefined;
  void service.request("GET", HEALTH_PATH).catch((error: unknown) => {
    if (!(error instanceof CommandError) || error.exitCode !== EXIT.unreachable) return;
    unreachable = error;
    interruption.abort();
  });
  try {
    const followed = await follow(target, reportTo(terminal, isJson), interruption.signal);
    if (unreachable) throw unreachable;
    return followed;
  } finally {
    removeHandler();
  }
}

function productFilter({ productId }: WatchOptions, channel: ChannelRef): string[] | null {
  if (productId === undefined) return null;
  if (channel.orderId !== null) throw usageError("--product-id is for the products channel.");
  const filter = parseProductList(productId);
  if (filter !== "invalid") return filter;
  throw usageError(
    `--product-id takes 1 to ${MAX_FILTER_PRODUCTS} product ids of at most ${MAX_PRODUCT_ID_LENGTH} characters, separated by commas and percent-encoded (%2C for a comma).`,
  );
}

function conflation({ conflate = false }: WatchOptions, channel: ChannelRef): boolean {
  if (conflate && channel.orderId !== null) throw usageError("--conflate is for the products channel.");
  return conflate;
}

/** @param secret Signs the tokens; null when `--token` is given. */
function tokenSource({ token = "", subject, role }: WatchOptions, secret: SigningSecret | null): () => Promise<string> {
  if (secret === null) {
    if (subject !== undefined || role !== undefined) {
      throw usageError("--token decides who listens; use --subject and --role without it.");
    }
    expectJwt(token, "--token");
    return async () => token;
  }
  const user =
    subject === undefined ? { subject: "tidings-watch", role: role ?? secret.form.adminRole } : { subject, role };
  // The SDK gives up if it gets a refused token again, so tokens minted within the same second must differ.
  const mint = () => mintToken({ ...user, claims: { jti: randomUUID() } }, secret);
  return async () => (await mint()).token;
}

function startPosition({ since, epoch }: WatchOptions): Position | null {
  if (since === undefined && epoch === undefined) return null;
  if (since !== undefined && epoch !== undefined) return { seq: since, epoch };
  throw usageError("--since and --epoch go together: a position counts within its epoch.");
}

function summaryOf({ events, connections }: Followed, { seq, epoch }: Position): string {
  const options = `--since ${seq} --epoch ${epoch}`;
  return `${countOf(events, "event")} in ${countOf(connections, "connection")}. To continue from here, add ${options}`;
}

/** Explains why following ended, other than by Ctrl-C. */
async function endError(
  end: Exclude<Followed["end"], { type: "interrupted" }>,
  service: ServiceClient,
  secret: SigningSecret | null,
): Promise<CommandError> {
  const cause = end.type === "closed" ? end.reason : end.cause;
  // The service accepts a connection that it refuses, and closes it with the reason.
  if (cause && (end.type === "closed" || isCloseCode(cause.code))) {
    const { code, message } = cause;
    const closing = { code, reason: message };
    // The secret may be wrong; the token itself cannot be, because it was minted a moment ago.
    const remedy = code === UNAUTHENTICATED && secret ? remedyForRefusedToken(secret, service.url) : remedyFor(code);
    return new CommandError(EXIT.failed, `Closed with ${describeClosing(closing)} ${remedy}`.trim(), closing);
  }
  // A failed handshake carries no reason. The health page names a configuration error.
  await service.call("GET", HEALTH_PATH);
  return new CommandError(
    EXIT.failed,
    `${service.url} answers, but a WebSocket to it does not open. Does a proxy in between let WebSockets through?`,
  );
}
