import { type Command, Option } from "commander";
import { DEAD_LETTER_REASONS, type DeadLetterCode } from "../../protocol/dead-letters.ts";
import { DEAD_LETTERS } from "../../protocol/stream.ts";
import type { RedisSession } from "../redis/session.ts";
import { CommandError, EXIT, usageError } from "../shared/command-error.ts";
import { countOf } from "../shared/count-of.ts";
import { wholeNumber, withCommonOptions } from "../shared/options.ts";
import { printable } from "../shared/printable.ts";
import { type CommonOptions, redisStream, redisTarget } from "../shared/settings.ts";
import type { Terminal } from "../shared/terminal.ts";
import type { DeadLetterEntry } from "./dead-letter-stream.ts";

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
  redis://127.0.0.1:6379); needs neither --url nor --key.`;

/** `tidings dead`: shows the events from the stream that could not be delivered, and has them tried again. */
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
      let isCut = false;
      await withDeadLetters(terminal, [], async (found) => {
        for (const letter of found.filter(isSelected(options))) {
          if (letters.length < options.limit) letters.push(letter);
          else isCut = true;
        }
        return !isCut;
      });
      if (options.json) {
        return terminal.out(JSON.stringify({ dead_letters: letters.map(asJson), has_more: isCut }));
      }
      for (const letter of letters) terminal.out(describe(letter));
      terminal.note(letters.length === 0 ? "There are no dead letters." : adviceFor(letters));
      if (isCut) terminal.note("There are more; --limit lists them.");
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
      const bad = ids.find((id) => !/^\d{1,20}-\d{1,20}$/.test(id));
      if (bad !== undefined) throw usageError(`"${bad}" is not a dead letter's id, such as 1763800000000-0.`);
      const { retried, refused } = await retry(terminal, ids, isSelected(options));
      if (options.json) terminal.out(JSON.stringify({ retried, refused: refused.map(asJson) }));
      else terminal.out(`retried: ${countOf(retried, "dead letter")}`);
      if (refused.length === 0) return;
      const message = `${refused.length} cannot be retried:\n${refused.map(describe).join("\n")}\n${adviceFor(refused)}`;
      // With --all, leaving those is what was asked for.
      if (options.all) return options.json ? undefined : terminal.note(message);
      throw new CommandError(EXIT.failed, message);
    });
  withCommonOptions(withSelection(command), RETRY_EXAMPLES);
}

/** How many letters that cannot be retried are named. */
const MAX_NAMED = 20;

async function retry(terminal: Terminal, ids: string[], isWanted: (letter: DeadLetterEntry) => boolean) {
  let retried = 0;
  const refused: DeadLetterEntry[] = [];
  const { retryDeadLetters } = await import("./dead-letter-stream.ts");
  const pass = (isDue: (letter: DeadLetterEntry) => boolean) =>
    withDeadLetters(terminal, ids, async (found, session) => {
      const wanted = found.filter((letter) => isWanted(letter) && isDue(letter));
      const possible = wanted.filter(({ canRetry }) => canRetry);
      refused.push(...wanted.filter(({ canRetry }) => !canRetry).slice(0, MAX_NAMED - refused.length));
      if (possible.length > 0) await retryDeadLetters(session, redisStream(terminal), possible);
      retried += possible.length;
      return true;
    });
  // Last those that a full channel did not take: they came after the ones that it had failed to take.
  await pass(({ code }) => ids.length > 0 || code !== "channel_full");
  if (ids.length === 0) await pass(({ code }) => code === "channel_full");
  return { retried, refused };
}

/** Reads dead letters in pages until `handle` returns false. */
async function withDeadLetters(
  terminal: Terminal,
  ids: string[],
  handle: (letters: DeadLetterEntry[], session: RedisSession) => Promise<boolean>,
): Promise<void> {
  // Imported on demand: loading the Redis clients takes a tenth of a second.
  const [{ openSession }, { readDeadLetters }] = await Promise.all([
    import("../redis/session.ts"),
    import("./dead-letter-stream.ts"),
  ]);
  const session = openSession(redisTarget(terminal));
  try {
    for await (const letters of readDeadLetters(session, ids)) if (!(await handle(letters, session))) return;
  } finally {
    session.close();
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
  printable(`${id}  ${new Date(at).toISOString()}  ${channel || "(no channel)"}  ${code}: ${detail}`);

const asJson = ({ id, at, channel, code, detail, entryId, fields, canRetry }: DeadLetterEntry) => ({
  id,
  time: new Date(at).toISOString(),
  channel,
  reason: code,
  detail,
  entry_id: entryId,
  entry: fields,
  can_retry: canRetry,
});

/** What to do for each reason among these letters. */
function adviceFor(letters: DeadLetterEntry[]): string {
  const codes = new Set(letters.map(({ code }) => code));
  return [...codes]
    .map((code) => `${code}: ${DEAD_LETTER_REASONS[code].meaning} ${DEAD_LETTER_REASONS[code].remedy}`)
    .join("\n");
}
