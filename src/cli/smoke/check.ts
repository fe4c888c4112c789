import { isDeepStrictEqual } from "node:util";

/** Runs one check under a name. @returns Its result, or null when it failed. */
export type Check = <T>(name: string, body: () => Promise<T>) => Promise<T | null>;

/** A failed check; the message is for the operator. */
export class CheckFailure extends Error {}

export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new CheckFailure(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
}
