import { type Command, InvalidArgumentError } from "commander";
import { EXIT_CODES_HELP } from "./outcome.ts";
import { DEFAULT_URL } from "./settings.ts";

/** The options that every command has, and the end of its help. */
export function withCommonOptions(command: Command, examples: string): Command {
  return command
    .option("--url <url>", "where the service is", DEFAULT_URL)
    .option("--key <key>", "publish key (else TIDINGS_KEY, PUBLISH_KEYS or .dev.vars)")
    .option("--secret <secret>", "secret that signs tokens (else JWT_SECRET or .dev.vars)")
    .option("--json", "print JSON, for programs")
    .addHelpText("after", `\nExamples:\n${examples.replace(/^/gm, "  ")}\n${EXIT_CODES_HELP}`);
}

/** Reads an option that is a whole number from `min` on. */
export function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min) return value;
    throw new InvalidArgumentError(`It must be a whole number, ${min} or more.`);
  };
}

/** Collects `name=value` pairs; a value that is JSON is read as JSON, any other as text. */
export function claimOption(text: string, previous: Record<string, unknown> = {}): Record<string, unknown> {
  const equals = text.indexOf("=");
  if (equals < 1) throw new InvalidArgumentError("It must be name=value.");
  return { ...previous, [text.slice(0, equals)]: jsonOrText(text.slice(equals + 1)) };
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
