import { type Command, Option } from "commander";
import { DEAD_LETTER_REASONS, type DeadLetterCode } from "../../protocol/dead-letters.ts";
import { DEAD_LETTERS, DEFAULT_STREAM } from "../../protocol/stream.ts";
import { CommandError, EXIT, usageError } from "../shared/command-error.ts";
import { countOf } from "../shared/count-of.ts";
import { wholeNumber, withCommonOptions } from "../shared/options.ts";
import { printable } from "../shared/printable.ts";
import { type CommonOptions, redisStream, redisTarget } from "../shared/settings.ts";
import type { Terminal } from "../shared/terminal.ts";
import type { DeadLetterEntry, DeadLetterStream } from "./dead-letter-stream.ts";

interface Selection {
  reason?: DeadLetterCode;
  channel?: string;
}
type ListOptions = CommonOptions & Selection & { limit: number };
type DeadRetryOptions = CommonOptions & Selection & { all?: boolean };

const LIST_EXAMPLES = `# What could not be delivered, and what to do about it
npx tidings dead list
# One reason, for a script
npx tidings dead list --reason channel_failed --json`;

const RETRY_EXAMPLES = `# One event, by the id that the list shows
npx tidings dead retry 1763800000000-0
# Everything that waited for an order that works again
npx tidings dead retry --all --channel order_0b8f9a52-3c5d-4e0c-9a55-1de1f1a7c001`;

const DEAD_REDIS_HELP = `
Redis:
  Reads ${DEAD_LETTERS} with UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN if set, else with REDIS_URL (default:
  redis://127.0.0.1:6379); needs neither --url nor --key. The events' stream is REDIS_STREAM, also in wrangler.toml
  (default: ${DEFAULT_STREAM}).`;

/** `tidings dead`: lists events from the stream that could not be delivered, and retries them. */
export function addDead(program: Command, terminal: Terminal): void {
  const dead = program
    .command("dead")
    .summary("list and retry events that could not be delivered")
    .description("Handles dead letters: events from the Redis stream that could not be delivered.");
  addList(dead, terminal);
  addRetry(dead, terminal);
}

function addList(dead: Command, terminal: Terminal): void {
  const command = dead
    .command("list")
    .description("Lists dead letters, oldest first: id, time, channel, reason. Notes what to do for each reason.")
    .option("--limit <number>", "how many to list", wholeNumber(1), 100)
    .addHelpText("after", DEAD_REDIS_HELP)
    .action(async (options: ListOptions) => {
      const letters: DeadLetterEntry[] = [];
      let hasMore = false;
      await withDeadLetters(terminal, async (stream) => {
        for await (const page of stream.pages([])) {
          const found = page.filter(isSelected(options));
          const room = options.limit - letters.length;
          letters.push(...found.slice(0, room));
          hasMore = found.length > room;
          if (hasMore) return;
        }
      });
      if (options.json) {
        return terminal.out(JSON.stringify({ dead_letters: letters.map(asJson), has_more: hasMore }));
      }
      for (const letter of letters) terminal.out(describe(letter));
      const isFiltered = options.reason !== undefined || options.channel !== undefined;
      const none = isFiltered ? "No dead letter matches." : "There are no dead letters.";
      terminal.note(letters.length === 0 ? none : adviceFor(letters));
      if (hasMore) terminal.note("There are more; --limit lists them.");
    });
  withCommonOptions(withSelection(command), LIST_EXAMPLES);
}

function addRetry(dead: Command, terminal: Terminal): void {
  const command = dead
    .command("retry")
    .description("Adds dead letters to the stream again, under the same event ids, and removes them.")
    .argument("[ids...]", "the letters' ids, as `list` shows them")
    .option("--all", "all that can be retried, or those of a reason or channel")
    .addHelpText("after", DEAD_REDIS_HELP)
    .action(async (ids: string[], options: DeadRetryOptions) => {
      const hasIds = ids.length > 0;
      if (hasIds === (options.all ?? false)) throw usageError("Give the ids of dead letters, or --all.");
      const isNarrowed = options.reason !== undefined || options.channel !== undefined;
      if (hasIds && isNarrowed) throw usageError("--reason and --channel go with --all.");
      const bad = ids.find((id) => !/^\d{1,20}-\d{1,20}$/.test(id));
      if (bad !== undefined) throw usageError(`"${bad}" is not a dead letter's id, such as 1763800000000-0.`);
      const { retried, refused, refusedCount, isDoorbellRung } = await retry(terminal, ids, isSelected(options));
      const hasMore = refusedCount > refused.length;
      if (options.json) terminal.out(JSON.stringify({ retried, refused: refused.map(asJson), has_more: hasMore }));
      else terminal.out(`retried: ${countOf(retried, "dead letter")}`);
      if (!isDoorbellRung && !options.json) {
        terminal.note(
          "The doorbell message failed. The events are safe in the stream; the service reads them a little later.",
        );
      }
      if (refusedCount === 0) return;
      const title = `${refusedCount} cannot be retried${hasMore ? `; the first ${refused.length}` : ""}`;
      const message = `${title}:\n${refused.map(describe).join("\n")}\n${adviceFor(refused)}`;
      // With --all, leaving those is what was asked for.
      if (options.all) return options.json ? undefined : terminal.note(message);
      throw new CommandError(EXIT.failed, message);
    });
  withCommonOptions(withSelection(command), RETRY_EXAMPLES);
}

/** How many of the letters that cannot be retried are listed; each may have half a megabyte. */
const MAX_LISTED = 20;

async function retry(terminal: Terminal, ids: string[], isWanted: (letter: DeadLetterEntry) => boolean) {
  let retried = 0;
  let refusedCount = 0;
  let isDoorbellRung = true;
  const refused: DeadLetterEntry[] = [];
  await withDeadLetters(terminal, async (stream) => {
    const pass = async (isDue: (letter: DeadLetterEntry) => boolean) => {
      for await (const page of stream.pages(ids)) {
        const wanted = page.filter((letter) => isWanted(letter) && isDue(letter));
        const possible = wanted.filter(({ canRetry }) => canRetry);
        const impossible = wanted.filter(({ canRetry }) => !canRetry);
        refusedCount += impossible.length;
        refused.push(...impossible.slice(0, MAX_LISTED - refused.length));
        if (possible.length > 0) await stream.retry(possible, redisStream(terminal));
        retried += possible.length;
      }
    };
    // Events of a full channel go last: they are newer than those that waited for it.
    await pass(({ code }) => ids.length > 0 || code !== "channel_full");
    if (ids.length === 0) await pass(({ code }) => code === "channel_full");
    if (retried > 0) isDoorbellRung = await stream.ringDoorbell();
  });
  return { retried, refused, refusedCount, isDoorbellRung };
}

async function withDeadLetters(terminal: Terminal, use: (stream: DeadLetterStream) => Promise<void>): Promise<void> {
  // Imported on demand: loading the Redis client takes a tenth of a second.
  const { DeadLetterStream } = await import("./dead-letter-stream.ts");
  const stream = new DeadLetterStream(redisTarget(terminal));
  try {
    await use(stream);
  } finally {
    stream.close();
  }
}

const withSelection = (command: Command) =>
  command
    .addOption(new Option("--reason <code>", "only those with this reason").choices(Object.keys(DEAD_LETTER_REASONS)))
    .option("--channel <name>", "only those for this channel");

const isSelected =
  ({ reason, channel }: Selection) =>
  (letter: DeadLetterEntry) =>
    (reason === undefined || letter.code === reason) && (channel === undefined || letter.channel === channel);

const describe = ({ id, at, channel, code, detail }: DeadLetterEntry) =>
  printable(`${id}  ${at?.toISOString() ?? "(no time)"}  ${channel || "(no channel)"}  ${code}: ${detail}`);

const asJson = ({ id, at, channel, code, detail, entryId, fields, canRetry }: DeadLetterEntry) => ({
  id,
  time: at?.toISOString() ?? null,
  channel,
  reason: code,
  detail,
  entry_id: entryId,
  entry: fields,
  can_retry: canRetry,
});

/** What to do for each reason among these letters. */
function adviceFor(letters: DeadLetterEntry[]): string {
  return [...new Set(letters.map(({ code, advice }) => `${printable(code)}: ${advice}`))].join("\n");
}
