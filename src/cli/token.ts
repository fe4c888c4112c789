import type { Command } from "commander";
import { usageError } from "./shared/command-error.ts";
import { DEFAULT_TOKEN_TTL_SECONDS, mintToken } from "./shared/mint.ts";
import { claimOption, wholeNumber, withCommonOptions } from "./shared/options.ts";
import { type CommonOptions, jwtSecret } from "./shared/settings.ts";
import type { Terminal } from "./shared/terminal.ts";
import type { TokenForm } from "./shared/token-form.ts";

interface TokenOptions extends CommonOptions {
  subject: string;
  role?: string;
  ttl: number;
  claim?: Record<string, unknown>;
}

/** A hundred years: far from the last date that JavaScript can print. */
const MAX_TOKEN_TTL_SECONDS = 3_155_760_000;

const EXAMPLES = `# Read an order as its customer
curl -i "http://localhost:8000/api/v1/orders/$ORDER" -H "Authorization: Bearer $(npx tidings token --subject alice)"
# An admin's token, valid for five minutes
npx tidings token --subject ops --role admin --ttl 300
# With the claims that a particular service expects
npx tidings token --subject alice --claim iss=shop --claim 'roles=["staff","admin"]'`;

/** `tidings token`: mints a token and prints it alone, so that it can be used in `$( )`. */
export function addToken(program: Command, terminal: Terminal): void {
  const command = program
    .command("token")
    .summary("mint a listener's token")
    .description(
      "Mints a token (JWT) like those that the shop's login issues, and prints it. Issuer, audience and the names of " +
        "claims are those in this folder's wrangler.toml and .dev.vars.",
    )
    .option("--subject <user>", "the user it is for", "alice")
    .option("--role <role>", "the user's role; an `admin` may listen to every order")
    .option("--ttl <seconds>", "how long it is valid", wholeNumber(1, MAX_TOKEN_TTL_SECONDS), DEFAULT_TOKEN_TTL_SECONDS)
    .option("--claim <name=value>", "another claim, as JSON or text; repeatable", claimOption)
    .action(async (options: TokenOptions) => {
      const { subject, role, ttl, claim } = options;
      const secret = jwtSecret(options, terminal);
      refuseOwnClaims(options, secret.form);
      const minted = await mintToken({ subject, role, ttlSeconds: ttl, claims: claim ?? {} }, secret);
      terminal.out(options.json ? JSON.stringify(minted) : minted.token);
    });
  withCommonOptions(command, EXAMPLES);
}

/** Refuses claims that would be overridden. @throws {CommandError} */
function refuseOwnClaims({ role, claim = {} }: TokenOptions, { userIdClaim, roleClaim }: TokenForm): void {
  const own = {
    ...(role !== undefined && { [roleClaim]: "--role" }),
    ...{ [userIdClaim]: "--subject", sub: "--subject", exp: "--ttl", iat: "the clock" },
  };
  for (const [name, source] of Object.entries(own)) {
    if (Object.hasOwn(claim, name)) throw usageError(`--claim cannot set ${name}, which comes from ${source}.`);
  }
}
