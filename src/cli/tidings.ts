#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { addBench } from "./bench.ts";
import { addOrder } from "./order.ts";
import { CommandError, EXIT, EXIT_CODES_HELP, type ExitCode } from "./outcome.ts";
import { addPublish } from "./publish.ts";
import { addSmoke } from "./smoke.ts";
import { processTerminal, type Terminal } from "./terminal.ts";
import { addTicket } from "./ticket.ts";
import { addToken } from "./token.ts";
import { addWatch } from "./watch.ts";

/** The command line's table of contents. */
export function tidings(terminal: Terminal): Command {
  const program = new Command("tidings")
    .description("Order and product updates in real time: publish them, follow them, try a running service.")
    .addHelpText(
      "after",
      `${EXIT_CODES_HELP}\n\nEach command has its own help and examples: npx tidings <command> --help`,
    )
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.note(text.trimEnd()),
    })
    .showHelpAfterError("Its help says more: add --help.")
    .exitOverride();
  addToken(program, terminal);
  addTicket(program, terminal);
  addOrder(program, terminal);
  addPublish(program, terminal);
  addWatch(program, terminal);
  addSmoke(program, terminal);
  addBench(program, terminal);
  return program;
}

/** @param args Without the program's own name. @returns The exit code. */
export async function run(args: string[], terminal: Terminal): Promise<ExitCode> {
  try {
    await tidings(terminal).parseAsync(args, { from: "user" });
    return EXIT.done;
  } catch (error) {
    // Commander has said what was wrong, or printed the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (!(error instanceof CommandError)) throw error;
    const { message, details, exitCode } = error;
    terminal.note(args.includes("--json") ? JSON.stringify({ error: message, ...details }) : message);
    return exitCode;
  }
}

if (import.meta.main) {
  const exitCode = await run(process.argv.slice(2), processTerminal);
  // A socket on a dead network would hold the process until its goodbye times out; what was printed has to get out first.
  process.stdout.write("", () => process.exit(exitCode));
}
