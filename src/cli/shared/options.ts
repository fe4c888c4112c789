import { type Command, InvalidArgumentError } from "commander";
import { EXIT_CODES_HELP } from "./command-error.ts";
import { parseJsonInput } from "./json-input.ts";
import { DEFAULT_URL } from "./settings.ts";

/** Adds the options that every command takes, and its examples and exit codes to the help. */
export function withCommonOptions(command: Command, examples: string): Command {
  return command
    .option("--url <url>", `the service's URL (default: TIDINGS_URL, the running \`npm run dev\`, or ${DEFAULT_URL})`)
    .option("--key <key>", "publish key (default: TIDINGS_KEY, PUBLISH_KEYS or .dev.vars)")
    .option("--secret <secret>", "secret that signs tokens (default: JWT_SECRET or .dev.vars)")
    .option("--json", "print JSON")
    .addHelpText("after", `\nExamples:\n${examples.replace(/^/gm, "  ")}\n${EXIT_CODES_HELP}`);
}

/** Parses an option that is a whole number of at least `min`, and at most `max` if there is a limit. */
export function wholeNumber(min: number, max = Number.POSITIVE_INFINITY): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(
      `It must be a whole number, ${Number.isFinite(max) ? `${min} to ${max}` : `${min} or more`}.`,
    );
  };
}

/** Parses an option that is a decimal number from `min` to `max`. */
export function decimalNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a number from ${min} to ${max}, such as 1.5.`);
  };
}

/** Collects `name=value` pairs. A value that parses as JSON is JSON; any other is text. */
export function claimOption(text: string, previous: Record<string, unknown> = {}): Record<string, unknown> {
  const equals = text.indexOf("=");
  if (equals < 1) throw new InvalidArgumentError("It must be name=value.");
  const name = text.slice(0, equals);
  return { ...previous, [name]: jsonOrText(text.slice(equals + 1), name) };
}

function jsonOrText(text: string, name: string): unknown {
  try {
    return parseJsonInput(text, name);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}
