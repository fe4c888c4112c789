import { randomInt, randomUUID } from "node:crypto";
import type { Setting } from "../shared/settings.ts";
import type { User } from "./format.ts";
import type { UserSource } from "./users.ts";

const VARIABLE = /\{([a-z][a-z0-9_]*)(?:\.([a-z][a-z0-9_]*))?\}/g;

export interface RunCredentials {
  key: Setting;
  userOf: UserSource;
}

/** The variables of one file, which its steps write in braces. A value is made when it is first used. */
export class Variables {
  readonly #saved = new Map<string, unknown>();
  readonly #users: Record<string, User>;
  readonly #credentials: RunCredentials;

  constructor(users: Record<string, User>, credentials: RunCredentials) {
    this.#users = users;
    this.#credentials = credentials;
    this.#saved.set("run", randomUUID().slice(0, 8));
    this.#saved.set("key", credentials.key.value);
  }

  save(name: string, value: unknown): void {
    this.#saved.set(name, value);
  }

  /**
   * Returns a value with every variable in its texts replaced. A text that is one variable becomes its value. Fills
   * one text after another, because the first use of a variable decides its value.
   */
  async fill(value: unknown): Promise<unknown> {
    if (typeof value === "string") return this.#fillText(value);
    if (Array.isArray(value)) return this.#fillList(value);
    if (typeof value !== "object" || value === null) return value;
    if ("$repeat" in value && "text" in value)
      return (await this.text(String(value.text))).repeat(Number(value.$repeat));
    if ("$repeat" in value && "item" in value) return this.#repeat(Number(value.$repeat), value.item);
    const filled: [string, unknown][] = [];
    for (const [name, field] of Object.entries(value)) filled.push([await this.text(name), await this.fill(field)]);
    return Object.fromEntries(filled);
  }

  async text(value: string): Promise<string> {
    return String(await this.#fillText(value));
  }

  async #fillList(list: unknown[]): Promise<unknown[]> {
    const filled: unknown[] = [];
    for (const item of list) filled.push(await this.fill(item));
    return filled;
  }

  /** Returns `count` copies of an item, in which `{n}` is 1, 2, 3 … */
  async #repeat(count: number, item: unknown): Promise<unknown[]> {
    const items: unknown[] = [];
    for (let n = 1; n <= count; n++) {
      this.save("n", n);
      items.push(await this.fill(item));
    }
    return items;
  }

  async #fillText(text: string): Promise<unknown> {
    const values = new Map<string, unknown>();
    for (const [variable, kind = "", name] of text.matchAll(VARIABLE)) {
      values.set(variable, await this.#valueOf(kind, name));
    }
    if (values.has(text)) return values.get(text);
    return text.replace(VARIABLE, (variable) => String(values.get(variable)));
  }

  async #valueOf(kind: string, name: string | undefined): Promise<unknown> {
    const key = name === undefined ? kind : `${kind}.${name}`;
    if (!this.#saved.has(key)) this.save(key, await this.#make(kind, name));
    return this.#saved.get(key);
  }

  async #make(kind: string, name: string | undefined): Promise<unknown> {
    if (kind === "uuid") return randomUUID();
    if (kind === "integer") return randomInt(2 ** 47, 2 ** 48);
    const user = kind === "user" || kind === "token" ? this.#users[name ?? ""] : undefined;
    if (!user) throw new Error(`{${kind}${name ? `.${name}` : ""}} is not defined`);
    const known = this.#credentials.userOf(name ?? "", { ...user, subject: await this.text(user.subject) });
    return kind === "user" ? known.id : known.token();
  }
}
