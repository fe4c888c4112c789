#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { addBench } from "./bench/bench.ts";
import { addCost } from "./cost/cost.ts";
import { addDead } from "./dead/dead.ts";
import { addForward } from "./forward/forward.ts";
import { addOrder } from "./order.ts";
import { addPublish } from "./publish.ts";
import { CommandError, EXIT, EXIT_CODES_HELP, type ExitCode } from "./shared/command-error.ts";
import { processTerminal, type Terminal } from "./shared/terminal.ts";
import { packageVersion } from "./shared/version.ts";
import { addSmoke } from "./smoke/smoke.ts";
import { addTicket } from "./ticket.ts";
import { addToken } from "./token.ts";
import { addWatch } from "./watch/watch.ts";

/** The commands, in the order in which the help lists them. */
const COMMANDS = [
  addToken,
  addTicket,
  addOrder,
  addPublish,
  addWatch,
  addSmoke,
  addBench,
  addForward,
  addDead,
  addCost,
];

export function tidings(terminal: Terminal): Command {
  const program = new Command("tidings")
    .description("Real-time order and product updates: publish events, follow channels, test a running service.")
    .version(packageVersion(), "-V, --version", "print the version")
    // `publish --version 7` is the event's version.
    .enablePositionalOptions()
    .addHelpText("after", `${EXIT_CODES_HELP}\n\nEach command has help and examples: npx tidings <command> --help`)
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.note(text.trimEnd()),
    })
    .showHelpAfterError("Add --help for usage and examples.")
    .exitOverride();
  for (const add of COMMANDS) add(program, terminal);
  return program;
}

/** Runs a command and returns its exit code. @param args Without the program's own name. */
export async function run(args: string[], terminal: Terminal): Promise<ExitCode> {
  try {
    await tidings(terminal).parseAsync(args, { from: "user" });
    return EXIT.done;
  } catch (error) {
    // Commander has already printed the error, or the requested help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    // Anything else is a fault of this program.
    if (!(error instanceof CommandError)) throw error;
    const { message, details, exitCode } = error;
    terminal.note(args.includes("--json") ? JSON.stringify({ error: message, ...details }) : message);
    return exitCode;
  }
}

if (import.meta.main) {
  const exitCode = await run(process.argv.slice(2), processTerminal);
  // Exits once the output is flushed, instead of waiting for a socket's closing handshake on a dead network.
  process.stdout.write("", () => process.exit(exitCode));
}
