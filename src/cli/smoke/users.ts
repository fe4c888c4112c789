import { type KnownUser, mintedUsers, type UserSource } from "../conformance/users.ts";
import { usageError } from "../shared/command-error.ts";
import { givenClaims } from "../shared/given-token.ts";
import { type CommonOptions, jwtSecret, remedyForRefusedToken, type Sources } from "../shared/settings.ts";
import { tokenForm, userIdIn } from "../shared/token-form.ts";

export interface UserOptions extends CommonOptions {
  token?: string;
  adminToken?: string;
}

/**
 * Returns the users whose tokens are given, or else mints tokens for new users.
 * @returns `remedy` says what to do when the service at `url` refuses the customer's token.
 * @throws {CommandError} for tokens that are missing or malformed, or a missing secret.
 */
export function smokeUsers(
  options: UserOptions,
  sources: Sources,
  url: string,
): { userOf: UserSource; remedy: string } {
  const { token, adminToken } = options;
  if (token === undefined && adminToken === undefined) {
    if (!tokenForm(sources.cwd).isAccepted) {
      throw usageError(
        "JWT_ALGORITHMS accepts only tokens of your login service: give a customer's with --token and an admin's with --admin-token.",
      );
    }
    const secret = jwtSecret(options, sources);
    return {
      userOf: mintedUsers(secret),
      remedy: `${remedyForRefusedToken(secret, url)} If it accepts only tokens of a login service, give --token and --admin-token.`,
    };
  }
  if (token === undefined || adminToken === undefined) {
    throw usageError("--token and --admin-token go together: a customer's token and an admin's.");
  }
  const customer = givenUser(token, "--token", sources);
  const admin = givenUser(adminToken, "--admin-token", sources);
  return {
    userOf: (name) => (name === "admin" ? admin : customer),
    remedy: "Is --token a valid token of a customer, and not expired?",
  };
}

function givenUser(token: string, option: string, { cwd }: Sources): KnownUser {
  const { id, claim } = userIdIn(givenClaims(token, option), cwd);
  if (id === null) throw usageError(`${option} names no user: it has no claim "${claim}" (USER_ID_CLAIM).`);
  return { id, token: async () => token };
}
