import { table } from "./text.ts";

/** The ways to authenticate. */

export interface SecurityScheme {
  type: string;
  /** The name of the header or parameter that holds an API key. */
  name?: string;
  /** `header` or `query`. */
  in?: string;
  description: string;
}

export const authenticationTable = (schemes: Record<string, SecurityScheme>): string =>
  table(
    ["name", "sent as", "meaning"],
    Object.entries(schemes).map(([name, { type, name: key, in: place, description }]) => [
      `\`${name}\``,
      type === "http" ? "`Authorization: Bearer …`" : `${place} \`${key}\``,
      description,
    ]),
  );
