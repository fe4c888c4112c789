import { parentPort, workerData } from "node:worker_threads";
import * as z from "zod";
import { callService } from "./node-client.ts";

/** A thread that publishes to an order until it receives a message; it answers with the longest time, in milliseconds. */

const { url, order } = z.object({ url: z.string(), order: z.string() }).parse(workerData);
let isStopped = false;
parentPort?.once("message", () => {
  isStopped = true;
});
let longestMs = 0;
while (!isStopped) {
  const started = performance.now();
  const answer = await callService(url, "POST", `publish/orders/${order}`, { type: "order_shipped", data: {} });
  await answer.text();
  longestMs = Math.max(longestMs, performance.now() - started);
}
parentPort?.postMessage(longestMs);
