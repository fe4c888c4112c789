import type { Command } from "commander";
import * as z from "zod";
import { orderIdArgument } from "./channel-argument.ts";
import { wholeNumber, withCommonOptions } from "./options.ts";
import { orderPath, Service } from "./service.ts";
import { type CommonOptions, publishKey, serviceUrl } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

interface TicketOptions extends CommonOptions {
  ttl?: number;
}

const EXAMPLES = `# For a guest, good for an hour
npx tidings ticket $ORDER
# Follow the order with it, as the guest would, for a day
npx tidings watch $ORDER --token "$(npx tidings ticket $ORDER --ttl 86400)"`;

const ticket = z.looseObject({ token: z.string() });

/** `tidings ticket`: has the service make a ticket and prints nothing else, so that it can stand in `$( )`. */
export function addTicket(program: Command, terminal: Terminal): void {
  const command = program
    .command("ticket")
    .summary("get a guest's ticket for one order")
    .description("Asks the service for a token that is good for listening to one order, for a guest, and prints it.")
    .argument("<order_id>", "the order's UUID")
    .option("--ttl <seconds>", "how long it is good for: 60 to 604800, else an hour", wholeNumber(1))
    .action(async (argument: string, options: TicketOptions) => {
      const service = new Service(serviceUrl(options), publishKey(options, terminal));
      const path = `${orderPath(orderIdArgument(argument))}/tickets`;
      const answer = await service.call("POST", path, options.ttl === undefined ? {} : { ttl_seconds: options.ttl });
      terminal.out(options.json ? JSON.stringify(answer.body) : ticket.parse(answer.body).token);
    });
  withCommonOptions(command, EXAMPLES);
}
