import { setTimeout as wait } from "node:timers/promises";
import type { Fault } from "../../support/fault-proxy.ts";
import { STREAM } from "../../support/redis-service.ts";
import { whyNoSmallDisk } from "../../support/small-disk.ts";
import { previousBuild } from "./previous-build.ts";
import type { World } from "./world.ts";

/** What goes wrong. Each strikes once and heals what it broke. */

export interface Nemesis {
  name: string;
  /** Whether listeners may lose their position, because events may be gone. */
  mayLosePosition?: boolean;
  /** Whether one strike takes long, so that mixed rounds of a short run leave it out. */
  isLong?: boolean;
  /** @returns Why it cannot strike on this machine, or null. */
  unavailable?(): Promise<string | null>;
  strike(world: World): Promise<void>;
}

const FAULTS: Exclude<Fault, "none">[] = ["500", "401", "hang", "truncate", "lose reply"];
const BACKUP = "backup-of-a-test";
const PLANS = ["0", "1", "2", "3", "auto"];
/** The service hibernates objects after 10 s without work. */
const HIBERNATION_MS = 11_500;
const MAX_CLOCK_JUMP_MS = 20_000;

const redisFault = (name: string, strike: Nemesis["strike"]): Nemesis => ({ name, strike });

export const NEMESES: Nemesis[] = [
  {
    name: "kill -9 of the service",
    async strike({ all: { service }, random }) {
      await service.kill("SIGKILL");
      await wait(random.between(0, 200));
      await service.restart();
      await wait(random.between(0, 500));
    },
  },
  {
    name: "eviction with sockets closed",
    async strike(world) {
      const { random, orders } = world;
      const channel = random.chance(0.5) ? "products" : `order_${random.pick(orders)}`;
      await world.control(`evict?channel=${channel}`);
      await wait(random.between(0, 500));
    },
  },
  {
    name: "hibernation",
    isLong: true,
    async strike({ publishers }) {
      publishers.isPaused = true;
      await wait(HIBERNATION_MS);
      publishers.isPaused = false;
      await wait(500);
    },
  },
  redisFault("kill -9 of Redis", async ({ all: { redis }, random }) => {
    await redis.kill("SIGKILL");
    await wait(random.between(0, 1500));
    await redis.restart();
  }),
  redisFault("restart of Redis", async ({ all: { redis } }) => {
    await redis.kill("SIGTERM");
    await redis.restart();
  }),
  redisFault("pause of Redis", async ({ all: { redis }, random }) => {
    redis.signal("SIGSTOP");
    await wait(random.between(200, 2500));
    redis.signal("SIGCONT");
  }),
  {
    name: "flush of Redis",
    mayLosePosition: true,
    async strike({ all: { redis }, publishers, random }) {
      await redis.cli("FLUSHALL").catch(() => {});
      publishers.markLost(0);
      await wait(random.between(500, 2000));
    },
  },
  {
    name: "Redis set back",
    mayLosePosition: true,
    async strike({ all: { redis }, publishers, random }) {
      const since = publishers.tick;
      await redis.cli("COPY", STREAM, BACKUP, "REPLACE").catch(() => {});
      await wait(random.between(300, 2000));
      await redis.cli("COPY", BACKUP, STREAM, "REPLACE").catch(() => {});
      publishers.markLost(since);
      await wait(random.between(500, 2000));
    },
  },
  ...FAULTS.map(
    (fault): Nemesis => ({
      name: `bridge: ${fault}`,
      async strike({ all: { proxy }, random }) {
        proxy.fault = fault;
        await wait(random.between(200, 2500));
        proxy.fault = "none";
      },
    }),
  ),
  redisFault("doorbell cut", async ({ all: { proxy }, random }) => {
    proxy.cutSubscriptions();
    await wait(random.between(0, 500));
  }),
  {
    name: "connections reset",
    async strike({ network, random }) {
      network.cut();
      await wait(random.between(0, 800));
    },
  },
  {
    name: "network that drops everything",
    async strike({ network, random }) {
      network.isDead = true;
      await wait(random.between(200, 1500));
      network.isDead = false;
    },
  },
  {
    name: "half-open connections (paused process)",
    async strike({ child, random }) {
      child.kill("SIGSTOP");
      await wait(random.between(500, 4000));
      child.kill("SIGCONT");
    },
  },
  {
    name: "slow listeners",
    async strike({ listeners, random }) {
      const slow = listeners.filter(() => random.chance(0.5));
      for (const listener of slow) listener.pause();
      await wait(random.between(500, 3000));
      for (const listener of slow) listener.resume();
    },
  },
  {
    name: "listeners that never read",
    async strike(world) {
      const close = await world.openDeafListeners(8);
      await wait(world.random.between(1000, 3000));
      close();
    },
  },
  {
    name: "listeners that leave and return",
    async strike({ listeners, random }) {
      for (const listener of listeners) if (random.chance(0.5)) listener.cut();
      await wait(random.between(0, 500));
    },
  },
  {
    name: "clock jump",
    async strike(world) {
      // The runtime's own clock stays, so that an alarm that is set meanwhile comes early or late. Setting that one too
      // is not possible: the runtime does not start under libfaketime.
      await world.control(`clock?offset=${world.random.between(-MAX_CLOCK_JUMP_MS, MAX_CLOCK_JUMP_MS)}`);
      await wait(world.random.between(200, 1000));
    },
  },
  {
    name: "change of the shard plan",
    async strike({ all: { service }, random }) {
      const bindings = { ...service.options.bindings, PRODUCTS_SHARDS: random.pick(PLANS) };
      await service.deploy({ bindings });
      await wait(random.between(500, 2000));
    },
  },
  {
    name: "deploy of the previous version and back",
    unavailable: async () =>
      (await previousBuild()) ? null : "the previous version is not in this checkout's history",
    async strike({ all: { service }, random }) {
      const current = service.options;
      const previous = await previousBuild();
      if (!previous) return;
      await service.deploy(previous);
      await wait(random.between(500, 2500));
      await service.deploy(current);
      await wait(random.between(500, 1000));
    },
  },
  {
    name: "full disk",
    unavailable: async () => whyNoSmallDisk(),
    async strike({ all, disk, random }) {
      const until = Date.now() + random.between(200, 2000);
      disk?.fill();
      if (random.chance(0.3)) await all.service.restart();
      while (Date.now() < until) {
        // The service frees blocks too.
        disk?.fill();
        await wait(20);
      }
      disk?.free();
      await wait(random.between(500, 1500));
    },
  },
];
