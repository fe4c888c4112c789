import type { KnownUser } from "../conformance/users.ts";
import { usageError } from "../shared/command-error.ts";
import { givenClaims } from "../shared/given-token.ts";
import { mintToken } from "../shared/mint.ts";
import { type CommonOptions, jwtSecret, remedyForRefusedToken, type Sources } from "../shared/settings.ts";
import { tokenForm, userIdIn } from "../shared/token-form.ts";

/** The users of a smoke test. */

export interface SmokeUsers {
  customer: KnownUser;
  admin: KnownUser;
  /** What to do when the service at this URL refuses the customer's token. */
  remedy(url: string): string;
}

export interface UserOptions extends CommonOptions {
  token?: string;
  adminToken?: string;
}

/**
 * Returns the users whose tokens are given, or else new users, for whom it mints tokens.
 * @param id Distinguishes new users from those of other runs.
 * @throws {CommandError} for tokens that are missing or malformed, or a missing secret.
 */
export function smokeUsers(options: UserOptions, sources: Sources, id: string): SmokeUsers {
  const { token, adminToken } = options;
  if (token === undefined && adminToken === undefined) return newUsers(options, sources, id);
  if (token === undefined || adminToken === undefined) {
    throw usageError("--token and --admin-token go together: a customer's token and an admin's.");
  }
  return {
    customer: givenUser(token, "--token", sources),
    admin: givenUser(adminToken, "--admin-token", sources),
    remedy: () => "Is --token a valid token of a customer, and not expired?",
  };
}

function newUsers(options: UserOptions, sources: Sources, id: string): SmokeUsers {
  if (!tokenForm(sources.cwd).isAccepted) {
    throw usageError(
      "JWT_ALGORITHMS accepts only tokens of your login service: give a customer's with --token and an admin's with --admin-token.",
    );
  }
  const secret = jwtSecret(options, sources);
  const newUser = (subject: string, role?: string): KnownUser => ({
    id: `${secret.form.idPrefix}${subject}`,
    token: async () => (await mintToken({ subject, role }, secret)).token,
  });
  return {
    customer: newUser(`smoke-customer-${id}`),
    admin: newUser(`smoke-admin-${id}`, secret.form.adminRole),
    remedy: (url) =>
      `${remedyForRefusedToken(secret, url)} If it accepts only tokens of a login service, give --token and --admin-token.`,
  };
}

function givenUser(token: string, option: string, { cwd }: Sources): KnownUser {
  const { id, claim } = userIdIn(givenClaims(token, option), cwd);
  if (id === null) throw usageError(`${option} names no user: it has no claim "${claim}" (USER_ID_CLAIM).`);
  return { id, token: async () => token };
}
