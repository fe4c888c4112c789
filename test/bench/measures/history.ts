import { listen } from "../client/listeners.ts";
import { type ServiceTarget, startProductsTarget } from "../targets/service.ts";
import { measureResume } from "./resume.ts";
import { type Measure, medianOf } from "./timed.ts";

/** The products channel with a history of a given length. */

/** The longest that the service accepts. */
const HISTORY_LIMIT = "100000";

interface HistorySizes {
  history: number;
  samples: number;
}

/** Measures milliseconds from a publish to its frame at one listener: the median of a round. */
export async function measureWithHistory({ history, samples }: HistorySizes): Promise<Measure> {
  const target = await startWithHistory(history);
  const channel = await target.openChannel(1);
  const listeners = await listen(target, channel, { position: history });
  return {
    round: () => medianOf(target, samples, () => listeners.receive(1, channel.publish)),
    close: () => listeners.close().finally(() => target.stop()),
  };
}

/** Measures milliseconds from the first publish after a wake to its answer: the median of a round. */
export async function measureWake({ history, samples }: HistorySizes): Promise<Measure> {
  const target = await startWithHistory(history);
  const { publish } = await target.openChannel(0);
  const sample = async () => {
    await target.restart();
    const start = performance.now();
    await publish(1);
    return performance.now() - start;
  };
  // The restarts, which are not measured, would hide the load.
  const round = async () => ({ ...(await medianOf(target, samples, sample)), serverMicros: null, clientLoad: null });
  return { round, close: () => target.stop() };
}

/** Measures milliseconds until a client that reconnects has received the one event that it missed. */
export async function measureResumeInHistory({ history, samples }: HistorySizes): Promise<Measure> {
  const target = await startWithHistory(history);
  const { round } = await measureResume(target, { events: 1, samples });
  return { round, close: () => target.stop() };
}

async function startWithHistory(events: number): Promise<ServiceTarget> {
  const target = await startProductsTarget({ filter: "none", vars: { HISTORY_LIMIT } });
  const { burst } = await target.openChannel(0);
  await burst?.(1, events);
  return target;
}
