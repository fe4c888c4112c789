import { setTimeout as wait } from "node:timers/promises";
import { isTransientStatus } from "../../sdk/publisher/publish-error.ts";
import { printable } from "../shared/printable.ts";
import { type Answer, ServiceClient } from "../shared/service.ts";
import type { CallStep, Rule, RuleFile, Step } from "./format.ts";
import { BrokenRule, mismatchOf, show } from "./match.ts";
import { QueueingSocket } from "./queueing-socket.ts";
import { type RunCredentials, Variables } from "./variables.ts";

interface Target extends RunCredentials {
  /** The service's URL, without a trailing slash. */
  url: string;
  /** How long to wait for each message. */
  timeoutMs: number;
  /** Aborting it breaks the current rule. */
  signal?: AbortSignal;
  /** Called with each call of `finally` that failed for now: without an answer, or with a 5xx or 429. */
  onCleanUpFailed?: (call: string) => void;
}

const REPEAT_MS = 100;

/**
 * Plays a file of rules against a service.
 * @param check Plays one rule: runs `body`, which throws when the rule is broken, and returns whether it was kept.
 */
export async function playRules(
  file: RuleFile,
  target: Target,
  check: (rule: Rule, body: () => Promise<void>) => Promise<boolean>,
): Promise<void> {
  const player = new Player(file, target);
  try {
    for (const rule of file.rules) {
      const isKept = await check(rule, () => player.play(rule.steps));
      if (!isKept && rule.is_essential) return;
    }
  } finally {
    await player.end(file.finally);
  }
}

class Player {
  readonly #target: Target;
  readonly #variables: Variables;
  readonly #connections = new Map<string, QueueingSocket>();
  #hasChangedAnything = false;

  constructor({ users }: RuleFile, target: Target) {
    this.#target = target;
    target.signal?.addEventListener("abort", () => this.#closeAll());
    this.#variables = new Variables(users, target);
  }

  async play(steps: Step[]): Promise<void> {
    for (const step of steps) await this.#step(step);
  }

  /** Closes every socket, and makes the calls that clean up. */
  async end(calls: CallStep[]): Promise<void> {
    this.#closeAll();
    if (!this.#hasChangedAnything) return;
    for (const step of calls) {
      const { method, path, send } = await this.#prepare(step);
      const status = await send().then(
        (answer) => answer.status,
        () => 503,
      );
      // Any other refusal, such as 404, means that the run left nothing to delete.
      if (isTransientStatus(status)) this.#target.onCleanUpFailed?.(`${method} ${path}`);
    }
  }

  async #step(step: Step): Promise<void> {
    this.#expectNotStopped();
    if ("call" in step) return this.#call(step);
    if ("connect" in step) return this.#connect(step);
    if ("send" in step) {
      const message = await this.#variables.fill(step.send);
      return this.#connection(step.on).send(typeof message === "string" ? message : JSON.stringify(message));
    }
    if ("receive" in step) {
      for (const pattern of step.messages) await this.#receive(step.receive, await this.#variables.fill(pattern));
      return;
    }
    if ("quiet" in step) {
      for (const name of step.quiet) await this.#connection(name).quiet();
      return;
    }
    if ("close" in step) {
      this.#connection(step.close).close();
      return this.#closed({ closed: step.close, code: 1000 });
    }
    return this.#closed(step);
  }

  async #call(step: CallStep): Promise<void> {
    const { method, send } = await this.#prepare(step);
    const pattern = { status: step.status, ...(step.answer !== undefined && { answer: step.answer }) };
    const expected = await this.#variables.fill(pattern);
    const deadline = Date.now() + this.#target.timeoutMs;
    for (;;) {
      this.#expectNotStopped();
      // Before sending: a call without an answer may have changed something, too.
      this.#hasChangedAnything ||= method !== "GET";
      const { status, body: answer } = await send();
      const problem = mismatchOf(expected, { status, answer }, step.call, this.#save);
      if (problem === null) return;
      if (!step.eventually || Date.now() > deadline) throw new BrokenRule(problem);
      await wait(REPEAT_MS);
    }
  }

  async #prepare(step: CallStep): Promise<{ method: string; path: string; send: () => Promise<Answer> }> {
    const [method = "", path = ""] = (await this.#variables.text(step.call)).split(" ");
    const credential = step.as === null ? null : await this.#variables.text(step.as);
    const key = credential === null ? null : { ...this.#target.key, value: credential };
    const service = new ServiceClient(this.#target.url, key);
    const body = await this.#variables.fill(step.body);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(step.headers)) headers[name] = await this.#variables.text(value);
    return { method, path, send: () => service.request(method, path, body, headers) };
  }

  async #connect({ connect, url, subprotocols, selects }: Extract<Step, { connect: string }>): Promise<void> {
    const address = this.#target.url.replace(/^http/, "ws") + (await this.#variables.text(url));
    const offered: string[] = [];
    for (const text of subprotocols) offered.push(await this.#variables.text(text));
    this.#connections.get(connect)?.close();
    const connection = new QueueingSocket(connect, address, offered, this.#target.timeoutMs);
    this.#connections.set(connect, connection);
    if (selects === undefined) return;
    const selected = await connection.selected();
    if (selected !== selects) {
      throw new BrokenRule(`${connect}: expected the subprotocol ${show(selects)}, got ${show(selected)}`);
    }
  }

  async #receive(name: string, pattern: unknown): Promise<void> {
    const { message } = await this.#connection(name).next(show(pattern));
    const problem = mismatchOf(pattern, message, name, this.#save);
    if (problem !== null) throw new BrokenRule(problem);
  }

  async #closed({ closed, code, reason }: Extract<Step, { closed: string }>): Promise<void> {
    const closing = await this.#connection(closed).closed();
    if (closing.code === code && (reason === undefined || closing.reason === reason)) return;
    const expected = reason === undefined ? code : `${code} ${reason}`;
    const got = `${closing.code} ${printable(closing.reason)}`.trim();
    throw new BrokenRule(`${closed}: expected to be closed with ${expected}, got ${got}`);
  }

  #expectNotStopped(): void {
    if (this.#target.signal?.aborted) throw new BrokenRule("interrupted");
  }

  #closeAll(): void {
    for (const connection of this.#connections.values()) connection.close();
  }

  #save = (name: string, value: unknown): void => this.#variables.save(name, value);

  #connection(name: string): QueueingSocket {
    const connection = this.#connections.get(name);
    if (connection) return connection;
    throw new BrokenRule(`${name} is not connected`);
  }
}
