import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import * as z from "zod";
import type { OrderRegistration } from "../protocol/publish.ts";
import { orderIdArgument } from "./channel-argument.ts";
import { withCommonOptions } from "./options.ts";
import { usageError } from "./outcome.ts";
import { type Answer, orderPath, Service } from "./service.ts";
import { type CommonOptions, publishKey, serviceUrl } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

interface OrderOptions extends CommonOptions {
  user?: string;
  status?: string;
  paymentStatus?: string;
  delete?: boolean;
}

const FIRST_STATUS = "pending";

const EXAMPLES = `# A new order of alice's; prints its id
ORDER=$(npx tidings order new --user alice)
# Look at it, correct it, remove it with all that is stored of it
npx tidings order $ORDER
npx tidings order $ORDER --status processing --payment-status paid
npx tidings order $ORDER --delete`;

/** What of an order's snapshot a correction keeps. */
const snapshot = z.looseObject({
  user_id: z.string().nullable(),
  status: z.string().nullable(),
  payment_status: z.string().nullable(),
});

/** `tidings order`: shows, registers, corrects or deletes an order. */
export function addOrder(program: Command, terminal: Terminal): void {
  const command = program
    .command("order")
    .summary("show, register, correct or delete an order")
    .description("Shows an order. With --user or a status: registers it, or corrects what is known of it.")
    .argument("<order_id>", "the order's UUID, or `new` to make one and print it")
    .option("--user <id>", "whose order it is: this user's tokens may listen")
    .option("--status <status>", `its status; unknown ones begin as ${FIRST_STATUS}`)
    .option("--payment-status <status>", `its payment status; unknown ones begin as ${FIRST_STATUS}`)
    .option("--delete", "delete it: its listeners are closed, every stored byte of it goes")
    .action(async (argument: string, options: OrderOptions) => {
      const isNew = argument === "new";
      const changes = options.user !== undefined || options.status !== undefined || options.paymentStatus !== undefined;
      if (options.delete && changes) throw usageError("--delete goes without --user, --status and --payment-status.");
      if (isNew && options.user === undefined) throw usageError("A new order needs an owner: add --user ID.");
      const orderId = isNew ? randomUUID() : orderIdArgument(argument);
      const service = new Service(serviceUrl(options), publishKey(options, terminal));

      if (options.delete) {
        await service.call("DELETE", orderPath(orderId));
        terminal.out(options.json ? JSON.stringify({ order_id: orderId, deleted: true }) : `Deleted order ${orderId}.`);
        return;
      }
      const answer = changes
        ? await service.call("PUT", orderPath(orderId), await registration(service, orderId, options))
        : await service.call("GET", orderPath(orderId));
      if (options.json) terminal.out(JSON.stringify(answer.body));
      // Alone on its line, so that it can stand in $( ).
      else if (isNew) terminal.out(orderId);
      else terminal.out(describe(answer, orderId));
    });
  withCommonOptions(command, EXAMPLES);
}

/** What the options say, and for the rest what the order already has: a correction must not set anything back. */
async function registration(service: Service, orderId: string, options: OrderOptions): Promise<OrderRegistration> {
  const { user, status, paymentStatus } = options;
  const answer = await service.request("GET", orderPath(orderId));
  const known = answer.status === 200 ? snapshot.parse(answer.body) : null;
  const owner = user ?? known?.user_id;
  if (!owner) throw usageError("Nobody owns this order yet: say who does with --user ID.");
  return {
    user_id: owner,
    status: status ?? known?.status ?? FIRST_STATUS,
    payment_status: paymentStatus ?? known?.payment_status ?? FIRST_STATUS,
  };
}

function describe({ status, body }: Answer, orderId: string): string {
  const rows = Object.entries(z.looseObject({}).parse(body)).filter(([name]) => name !== "order_id");
  const width = Math.max(...rows.map(([name]) => name.length));
  const title = status === 201 ? `Registered order ${orderId}` : `Order ${orderId}`;
  return [title, ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value ?? "not known"}`)].join("\n");
}
