/** How a command ends. The numbers are part of the command line's contract: scripts branch on them. */
export const EXIT = {
  done: 0,
  /** The service refused, or a check failed. */
  failed: 1,
  /** The command was used wrongly, or a setting is missing. */
  usage: 2,
  /** Nobody answers at the URL, or at the Redis that was to be written to. */
  unreachable: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Shown below every command's help. */
export const EXIT_CODES_HELP = `
Exit codes:
  ${EXIT.done}  done
  ${EXIT.failed}  failed: the service refused, or a check failed
  ${EXIT.usage}  wrong usage, or a setting is missing
  ${EXIT.unreachable}  the service, or Redis, cannot be reached`;

/** A command cannot go on. The message says why and how to mend it; it never holds a secret. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;
  /** What `--json` shows besides the message, such as the service's problem document. */
  readonly details: Record<string, unknown>;

  constructor(exitCode: ExitCode, message: string, details: Record<string, unknown> = {}) {
    super(message);
    this.name = "CommandError";
    this.exitCode = exitCode;
    this.details = details;
  }
}

export const usageError = (message: string) => new CommandError(EXIT.usage, message);
