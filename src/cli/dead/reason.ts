import { DEAD_LETTER_REASONS, isDeadLetterCode } from "../../protocol/dead-letters.ts";

const OF_ANOTHER_VERSION = {
  meaning: "This version of the command line does not know the reason.",
  remedy: "Use the command line of the deployed version.",
  canRetry: false,
};

/** Returns what a dead letter's code means and what to do about it. A newer relay may write codes unknown here. */
export const explainCode = (code: string) => (isDeadLetterCode(code) ? DEAD_LETTER_REASONS[code] : OF_ANOTHER_VERSION);
