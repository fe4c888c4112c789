import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import * as z from "zod";
import { orderPath } from "../protocol/paths.ts";
import type { OrderRegistration } from "../protocol/publish.ts";
import { orderIdArgument } from "./shared/channel-argument.ts";
import { CommandError, usageError } from "./shared/command-error.ts";
import { withCommonOptions } from "./shared/options.ts";
import { printable } from "./shared/printable.ts";
import { type Answer, parseAnswer, type ServiceClient, serviceWithKey } from "./shared/service.ts";
import type { CommonOptions } from "./shared/settings.ts";
import type { Terminal } from "./shared/terminal.ts";

interface OrderCommandOptions extends CommonOptions {
  user?: string;
  status?: string;
  paymentStatus?: string;
  delete?: boolean;
}

const INITIAL_STATUS = "pending";

const EXAMPLES = `# Register a new order for alice and print its id
ORDER=$(npx tidings order new --user alice)
# Show it, correct it, delete it
npx tidings order $ORDER
npx tidings order $ORDER --status processing --payment-status paid
npx tidings order $ORDER --delete`;

/** The fields of an order's snapshot that a correction keeps. */
const snapshot = z.looseObject({
  user_id: z.string().nullable(),
  status: z.string().nullable(),
  payment_status: z.string().nullable(),
});

type KnownOrder = z.infer<typeof snapshot>;

/** `tidings order`: shows, registers, corrects or deletes an order. */
export function addOrder(program: Command, terminal: Terminal): void {
  const command = program
    .command("order")
    .summary("show, register, correct or delete an order")
    .description("Shows an order. With --user, --status or --payment-status, registers or corrects it.")
    .argument("<order_id>", "the order's UUID, or `new` to generate one and print it")
    .option("--user <id>", "the order's owner, whose tokens may listen to it; with several issuers, <issuer>#<id>")
    .option("--status <status>", `its status (a new order's default: ${INITIAL_STATUS})`)
    .option("--payment-status <status>", `its payment status (a new order's default: ${INITIAL_STATUS})`)
    .option("--delete", "delete it: disconnect its listeners and erase everything stored about it")
    .action(async (argument: string, options: OrderCommandOptions) => {
      const isNew = argument === "new";
      const changes = options.user !== undefined || options.status !== undefined || options.paymentStatus !== undefined;
      if (options.delete && changes) throw usageError("Use --delete without --user, --status and --payment-status.");
      if (options.user?.trim() === "") throw usageError("--user is empty.");
      if (isNew && options.user === undefined) throw usageError("A new order needs an owner: add --user ID.");
      const orderId = isNew ? randomUUID() : orderIdArgument(argument);
      const service = serviceWithKey(options, terminal);

      if (options.delete) {
        await service.call("DELETE", orderPath(orderId));
        terminal.out(options.json ? JSON.stringify({ order_id: orderId, deleted: true }) : `Deleted order ${orderId}.`);
        return;
      }
      const known = changes && !isNew ? await knownOrder(service, orderId) : null;
      const answer = changes
        ? await service.call("PUT", orderPath(orderId), completeRegistration(options, known))
        : await service.call("GET", orderPath(orderId));
      if (options.json) terminal.out(JSON.stringify(answer.body));
      // The id alone, so that it can be used in $( ).
      else if (isNew) terminal.out(orderId);
      else terminal.out(describeOrder(answer, orderId));
    });
  withCommonOptions(command, EXAMPLES);
}

/** Returns an order's current state; null for an unknown order. @throws {CommandError} when the service refuses. */
async function knownOrder(service: ServiceClient, orderId: string): Promise<KnownOrder | null> {
  try {
    return parseAnswer(snapshot, await service.call("GET", orderPath(orderId)));
  } catch (error) {
    if (error instanceof CommandError && error.details.status === 404) return null;
    throw error;
  }
}

/** Completes the options with the order's current state, because a `PUT` replaces all of it. */
function completeRegistration(options: OrderCommandOptions, known: KnownOrder | null): OrderRegistration {
  const { user, status, paymentStatus } = options;
  const owner = user ?? known?.user_id;
  if (!owner) throw usageError("This order has no owner yet: add --user ID.");
  return {
    user_id: owner,
    status: status ?? known?.status ?? INITIAL_STATUS,
    payment_status: paymentStatus ?? known?.payment_status ?? INITIAL_STATUS,
  };
}

/** Formats a value for the terminal. Publishers choose the texts, so control characters are escaped. */
const shown = (value: unknown) =>
  value === null ? "unknown" : printable(typeof value === "string" ? value : JSON.stringify(value));

function describeOrder(answer: Answer, orderId: string): string {
  const rows = Object.entries(parseAnswer(z.looseObject({}), answer)).filter(([name]) => name !== "order_id");
  const width = Math.max(...rows.map(([name]) => name.length));
  const title = answer.status === 201 ? `Registered order ${orderId}` : `Order ${orderId}`;
  return [title, ...rows.map(([name, value]) => `  ${printable(name.padEnd(width))}  ${shown(value)}`)].join("\n");
}
