import { ChaosListener, type ListenerOptions } from "./listener.ts";

/** Listeners in a process of their own, which can be paused: their connections are half open meanwhile. */

const listeners = (JSON.parse(process.argv[2] ?? "[]") as ListenerOptions[]).map((one) => new ChaosListener(one));

process.on("message", () => {
  const logs = listeners.map(({ log, position, refusal }) => ({ log, position, refusal }));
  process.send?.(logs);
});
process.on("disconnect", () => process.exit());
