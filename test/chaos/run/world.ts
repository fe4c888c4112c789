import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import { registerOrderAt } from "../../support/node-client.ts";
import { endWithThisProcess } from "../../support/processes.ts";
import { type FaultyRedisService, startFaultyRedisService } from "../../support/redis-service.ts";
import { SmallDisk, whyNoSmallDisk } from "../../support/small-disk.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { mintToken } from "../../support/tokens.ts";
import type { ListenerLog } from "../model/record.ts";
import { ChaosListener, type ListenerOptions } from "./listener.ts";
import { Publishers } from "./publishers.ts";
import type { Random } from "./random.ts";

/** The service in its own process, a Redis of its own, publishers and listeners: what nemeses act upon. */

const ORDERS = 4;
const PRODUCTS = ["p-0", "p-1", "p-2", "p-3"];
const HTTP_PUBLISHERS = 4;
const STREAM_PUBLISHERS = 2;
const OWNER = "alice";
/** Several times what a round stores. */
const DISK_MB = 64;

interface ChildReport {
  log: Omit<ListenerLog, "isCaughtUp">;
  position: { epoch: string; seq: number } | null;
  refusal: number | null;
}

interface Parts extends Pick<World, "random" | "all" | "disk" | "network" | "orders"> {
  networkUrl: string;
}

export class World {
  readonly random: Random;
  readonly all: FaultyRedisService;
  /** The service's storage; null where no disk can be mounted. */
  readonly disk: SmallDisk | null;
  /** Half of the listeners connect through it. */
  readonly network: TcpProxy;
  readonly publishers: Publishers;
  readonly listeners: ChaosListener[];
  /** Holds listeners that a nemesis pauses together. */
  readonly child: ChildProcess;
  readonly orders: string[];
  /** How often something happened. */
  readonly counts: Record<string, number> = {};
  /** Whether something happened that may cost listeners their position. */
  mayLosePosition = false;

  constructor({ random, all, disk, network, networkUrl, orders }: Parts) {
    this.random = random;
    this.all = all;
    this.disk = disk;
    this.network = network;
    this.orders = orders;
    const { url } = all.service;
    const channels = [...orders.map((id) => `order_${id}`), "products"];
    this.publishers = new Publishers({
      url,
      redisUrl: all.redis.url,
      channels: [...channels, "products"],
      products: PRODUCTS,
      count: (name) => this.count(name),
    });
    const options = listenersOf(channels);
    this.listeners = options.map((one, i) => new ChaosListener({ ...one, url: i % 2 === 0 ? url : networkUrl }));
    const inChild = options.filter((_, i) => i % 3 === 0).map((one) => ({ ...one, name: `${one.name}, paused`, url }));
    this.child = fork(fileURLToPath(new URL("listener-process.ts", import.meta.url).href), [JSON.stringify(inChild)]);
    endWithThisProcess(this.child);
    this.publishers.start(HTTP_PUBLISHERS, STREAM_PUBLISHERS, random.fork());
  }

  static async start(random: Random, vars: Record<string, string>): Promise<World> {
    const disk = whyNoSmallDisk() === null ? new SmallDisk(DISK_MB) : null;
    const all = await startFaultyRedisService({
      redis: { appendfsync: "always" },
      ...(disk && { storage: disk.directory }),
      entry: "test/support/workers/chaos-service.ts",
      vars: { HISTORY_LIMIT: "100000", ...vars },
    });
    const network = new TcpProxy(all.service.url);
    const networkUrl = await network.listen();
    const orders = await Promise.all(Array.from({ length: ORDERS }, () => registerOrderAt(all.service.url, OWNER)));
    return new World({ random, all, disk, network, networkUrl, orders });
  }

  get url(): string {
    return this.all.service.url;
  }

  count(name: string, times = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + times;
  }

  /** Calls a path of the test's Worker; fails silently while the service is down. */
  async control(path: string): Promise<void> {
    await fetch(`${this.url}/test/${path}`).catch(() => {});
  }

  /** Opens sockets that never read. @returns A function that closes them. */
  async openDeafListeners(count: number): Promise<() => void> {
    const token = await mintToken({ subject: "deaf" });
    const sockets = Array.from({ length: count }, (_, i) => {
      const url = `${this.url.replace("http", "ws")}/api/v1/ws/products?token=${token}`;
      const socket = new WebSocket(url, i % 2 ? ["tidings.v1"] : [], { perMessageDeflate: false });
      socket.on("open", () => socket.pause());
      socket.on("error", () => {});
      return socket;
    });
    return () => {
      for (const socket of sockets) socket.terminate();
    };
  }

  /** Every listener's log and state, those of the other process included. */
  async reports(): Promise<ChildReport[]> {
    const answered = once(this.child, "message");
    this.child.send("report");
    const [reports] = await answered;
    return [...this.listeners.map(({ log, position, refusal }) => ({ log, position, refusal })), ...reports];
  }

  async stop(): Promise<void> {
    for (const listener of this.listeners) listener.close();
    this.child.kill("SIGKILL");
    this.network.close();
    this.all.proxy.fault = "none";
    await this.all.stop();
    this.disk?.unmount();
  }
}

function listenersOf(channels: string[]): Omit<ListenerOptions, "url">[] {
  return channels.flatMap((channel): Omit<ListenerOptions, "url">[] => {
    const common = { channel, filter: null };
    const both = [
      { ...common, name: "tidings.v1", speaksV1: true, subject: OWNER },
      { ...common, name: "plain", speaksV1: false, subject: "admin" },
    ];
    if (channel !== "products") return both;
    const filters = [["p-0"], ["p-1", "p-2"], ["p-3"], ["p-0", "p-3"]];
    return [
      ...both,
      ...filters.map((filter, i) => ({
        ...common,
        name: `${filter.join(" and ")}`,
        filter,
        speaksV1: i % 2 === 0,
        subject: `user-${i}`,
      })),
    ];
  });
}
