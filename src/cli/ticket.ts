import type { Command } from "commander";
import * as z from "zod";
import { orderPath } from "../protocol/paths.ts";
import { orderIdArgument } from "./shared/channel-argument.ts";
import { wholeNumber, withCommonOptions } from "./shared/options.ts";
import { ServiceClient } from "./shared/service.ts";
import { type CommonOptions, publishKey, serviceUrl } from "./shared/settings.ts";
import type { Terminal } from "./shared/terminal.ts";

interface TicketOptions extends CommonOptions {
  ttl?: number;
}

const EXAMPLES = `# A ticket that is valid for an hour
npx tidings ticket $ORDER
# Follow the order as a guest, for a day
npx tidings watch $ORDER --token "$(npx tidings ticket $ORDER --ttl 86400)"`;

const ticket = z.looseObject({ token: z.string() });

/** `tidings ticket`: requests a ticket and prints its token alone, so that it can be used in `$( )`. */
export function addTicket(program: Command, terminal: Terminal): void {
  const command = program
    .command("ticket")
    .summary("request a guest ticket for one order")
    .description("Requests a token that lets a guest listen to one order, and prints it.")
    .argument("<order_id>", "the order's UUID")
    .option("--ttl <seconds>", "how long it is valid, 60 to 604800 (default: 3600)", wholeNumber(1))
    .action(async (argument: string, options: TicketOptions) => {
      const service = new ServiceClient(serviceUrl(options, terminal), publishKey(options, terminal));
      const path = `${orderPath(orderIdArgument(argument))}/tickets`;
      const answer = await service.call("POST", path, options.ttl === undefined ? {} : { ttl_seconds: options.ttl });
      terminal.out(options.json ? JSON.stringify(answer.body) : ticket.parse(answer.body).token);
    });
  withCommonOptions(command, EXAMPLES);
}
