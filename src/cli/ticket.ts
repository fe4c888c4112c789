import type { Command } from "commander";
import * as z from "zod";
import { orderPath } from "../protocol/paths.ts";
import { TICKET_TTL_SECONDS } from "../protocol/ticket.ts";
import { orderIdArgument } from "./shared/channel-argument.ts";
import { wholeNumber, withCommonOptions } from "./shared/options.ts";
import { parseAnswer, serviceWithKey } from "./shared/service.ts";
import type { CommonOptions } from "./shared/settings.ts";
import type { Terminal } from "./shared/terminal.ts";

interface TicketOptions extends CommonOptions {
  ttl: number;
}

const EXAMPLES = `# A ticket that is valid for an hour
npx tidings ticket $ORDER
# Follow the order as a guest, for a day
npx tidings watch $ORDER --token "$(npx tidings ticket $ORDER --ttl 86400)"`;

const ticket = z.looseObject({ token: z.string() });

/** `tidings ticket`: requests a ticket and prints its token alone, so that it can be used in `$( )`. */
export function addTicket(program: Command, terminal: Terminal): void {
  const { min, max, default: defaultTtl } = TICKET_TTL_SECONDS;
  const command = program
    .command("ticket")
    .summary("request a guest ticket for one order")
    .description("Requests a token that lets a guest listen to one order, and prints it.")
    .argument("<order_id>", "the order's UUID")
    .option("--ttl <seconds>", `how long it is valid, ${min} to ${max}`, wholeNumber(min, max), defaultTtl)
    .action(async (argument: string, options: TicketOptions) => {
      const path = `${orderPath(orderIdArgument(argument))}/tickets`;
      const answer = await serviceWithKey(options, terminal).call("POST", path, { ttl_seconds: options.ttl });
      terminal.out(options.json ? JSON.stringify(answer.body) : parseAnswer(ticket, answer).token);
    });
  withCommonOptions(command, EXAMPLES);
}
