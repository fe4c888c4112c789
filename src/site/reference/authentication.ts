import { table } from "./text.ts";

/** The ways to authenticate. */

export interface SecurityScheme {
  type: string;
  /** Of a key: the header or parameter, and which of the two it is. */
  name?: string;
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
