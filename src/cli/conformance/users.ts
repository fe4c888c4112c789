import { randomUUID } from "node:crypto";
import { mintToken } from "../shared/mint.ts";
import type { SigningSecret } from "../shared/settings.ts";
import type { User } from "./format.ts";

/** The users of a file. */

export interface KnownUser {
  /** The user's id, as the service names the user. */
  id: string;
  token(): Promise<string>;
}

/** Returns the user that a file calls `name`. */
export type UserSource = (name: string, user: User) => KnownUser;

/** Returns new users, for whom it mints tokens. */
export function mintedUsers(secret: SigningSecret): UserSource {
  return (_, { subject, is_admin, expires_in, is_forged }) => ({
    id: `${secret.form.idPrefix}${subject}`,
    token: async () => {
      const signing = is_forged ? { ...secret, value: `${randomUUID()}${randomUUID()}` } : secret;
      const role = is_admin ? secret.form.adminRole : undefined;
      return (await mintToken({ subject, role, ttlSeconds: expires_in }, signing)).token;
    },
  });
}
