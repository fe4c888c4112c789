import type { Command } from "commander";
import { DEFAULT_TTL_SECONDS, mintToken } from "./mint.ts";
import { claimOption, wholeNumber, withCommonOptions } from "./options.ts";
import { type CommonOptions, jwtSecret } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

interface TokenOptions extends CommonOptions {
  subject: string;
  role?: string;
  ttl: number;
  claim?: Record<string, unknown>;
}

const EXAMPLES = `# A customer's token, for a URL
curl -i "http://localhost:8000/api/v1/orders/$ORDER" -H "Authorization: Bearer $(npx tidings token --subject alice)"
# An admin's, for five minutes
npx tidings token --subject ops --role admin --ttl 300
# With what a particular service asks for
npx tidings token --subject alice --claim iss=shop --claim 'roles=["staff","admin"]'`;

/** `tidings token`: mints a token and prints nothing else, so that it can stand in `$( )`. */
export function addToken(program: Command, terminal: Terminal): void {
  const command = program
    .command("token")
    .summary("mint a listener's token")
    .description("Mints a token (JWT, HS256) such as the shop's login gives to its users, and prints it.")
    .option("--subject <user>", "whose token it is", "alice")
    .option("--role <role>", "what the user may do; `admin` may listen to every order")
    .option("--ttl <seconds>", "how long it is good for", wholeNumber(1), DEFAULT_TTL_SECONDS)
    .option("--claim <name=value>", "another claim, read as JSON when it is JSON; may be given again", claimOption)
    .action(async (options: TokenOptions) => {
      const { subject, role, ttl, claim } = options;
      const secret = jwtSecret(options, terminal);
      const minted = await mintToken({ subject, role, ttlSeconds: ttl, claims: claim ?? {} }, secret.value);
      terminal.out(options.json ? JSON.stringify(minted) : minted.token);
    });
  withCommonOptions(command, EXAMPLES);
}
