/** The exit codes. They are part of the command line's contract: scripts branch on them. */
export const EXIT = {
  done: 0,
  /** The service refused the request, or a check failed. */
  failed: 1,
  /** Wrong usage, or a missing setting. */
  usage: 2,
  /** No answer from the service, or from Redis. */
  unreachable: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Printed below the help of every command. */
export const EXIT_CODES_HELP = `
Exit codes:
  ${EXIT.done}  done
  ${EXIT.failed}  failed: the service refused, or a check failed
  ${EXIT.usage}  wrong usage, or a missing setting
  ${EXIT.unreachable}  the service or Redis cannot be reached`;

/** Ends a command. The message says what happened and what to do, and never contains a secret. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;
  /** Printed with `--json` next to the message, for example the service's problem document. */
  readonly details: Record<string, unknown>;

  constructor(exitCode: ExitCode, message: string, details: Record<string, unknown> = {}) {
    super(message);
    this.name = "CommandError";
    this.exitCode = exitCode;
    this.details = details;
  }
}

export const usageError = (message: string) => new CommandError(EXIT.usage, message);

/** @param finding What shows that something else answered, as the beginning of a sentence. */
export const notTidings = (finding: string, details: Record<string, unknown> = {}) =>
  new CommandError(
    EXIT.failed,
    `${finding}: it is not a Tidings service, or a proxy answered for it. Check --url.`,
    details,
  );
