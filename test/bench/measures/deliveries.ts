import pMap from "p-map";
import { type Listeners, listen } from "../client/listeners.ts";
import type { BenchChannel, Target } from "../targets/target.ts";
import { type Measure, medianOf, timed } from "./timed.ts";

/** Events on their way to listeners. */

/** Concurrent publishes to listeners. */
const PUBLISHES_AT_ONCE = 4;

interface Load {
  sockets: number;
  events: number;
}

/** Measures deliveries/s to many sockets, with single publishes, from the first publish to the last frame. */
export async function measureFanOut(target: Target, load: Load): Promise<Measure> {
  const channel = await target.openChannel(load.sockets);
  const listeners = await listen(target, channel);
  return measureDeliveries(target, load, listeners, oneByOne(channel, PUBLISHES_AT_ONCE));
}

/** Measures the same with the fastest way of publishing and receiving that the target has. */
export async function measureBurst(target: Target, load: Load): Promise<Measure> {
  const channel = await target.openChannel(load.sockets);
  const { burst = oneByOne(channel, PUBLISHES_AT_ONCE) } = channel;
  return measureDeliveries(target, load, await listen(target, channel, { isFast: true }), burst);
}

export function oneByOne({ publish }: BenchChannel, concurrency: number) {
  return (first: number, count: number) => pMap(Array(count).keys(), (i) => publish(first + i), { concurrency });
}

function measureDeliveries(
  target: Target,
  { sockets, events }: Load,
  listeners: Listeners,
  publish: (first: number, count: number) => Promise<unknown>,
): Measure {
  const deliveries = sockets * events;
  const round = async () => {
    let ms = Number.NaN;
    // Its own time includes the last answer and the check of what was received.
    const use = await timed(target, deliveries, async () => {
      ms = await listeners.receive(events, publish);
    });
    return { ...use, value: (deliveries / ms) * 1000 };
  };
  return { round, close: listeners.close };
}

interface LatencySizes {
  sockets: number;
  samples: number;
  /** Whether clients speak what the target delivers fastest. */
  isFast?: boolean;
  /** Time between publishes. Default: none. */
  pauseMs?: number;
}

/** Measures milliseconds from a publish to its frame at the last listener: the median of a round. */
export async function measureLatency(
  target: Target,
  { sockets, samples, isFast = false, pauseMs }: LatencySizes,
): Promise<Measure> {
  const channel = await target.openChannel(sockets);
  const listeners = await listen(target, channel, { isFast });
  const round = () => medianOf(target, samples, () => listeners.receive(1, channel.publish), pauseMs);
  return { round, close: listeners.close };
}
