import { startNodeTarget, startSocketIoTarget } from "./node-peers.ts";
import { startOrdersTarget, startProductsTarget, startStreamTarget } from "./service.ts";
import type { Target } from "./target.ts";
import { startBareTarget, startHonoTarget, startPartyTarget } from "./worker-peers.ts";

/** The service and its peers by name. */
export const TARGETS = {
  bare: { title: "bare object", start: () => startBareTarget(false) },
  storing: { title: "bare object, one row", start: () => startBareTarget(true) },
  party: { title: "partyserver", start: startPartyTarget },
  hono: { title: "Hono, one row", start: startHonoTarget },
  node: { title: "Node ws, Redis pub/sub", start: startNodeTarget },
  socketIo: { title: "Socket.IO, Redis streams", start: startSocketIoTarget },
  tidings: { title: "Tidings", start: () => startOrdersTarget() },
  filtered: { title: "Tidings, products", start: () => startProductsTarget({ filter: "own" }) },
  stream: { title: "Tidings, stream", start: startStreamTarget },
} as const satisfies Record<string, { title: string; start(): Promise<Target | null> }>;
export type TargetName = keyof typeof TARGETS;

/** Targets that measurements share, started when they are first needed. */
export class TargetPool {
  readonly #started = new Map<TargetName, Promise<Target | null>>();

  /** Returns a running target, or null when a program that it needs is not installed. */
  get(name: TargetName): Promise<Target | null> {
    const target = this.#started.get(name) ?? TARGETS[name].start();
    this.#started.set(name, target);
    return target;
  }

  async stop(): Promise<void> {
    for (const target of this.#started.values()) await (await target)?.stop();
    this.#started.clear();
  }
}
