import { setTimeout as wait } from "node:timers/promises";
import { callService, listenAt } from "../../support/node-client.ts";
import type { History, ListenerLog, RunRecord } from "../model/record.ts";
import { viewOf } from "./listener.ts";
import type { World } from "./world.ts";

/** The end of a run: nothing fails any more, everything catches up, and the record is taken. */

/** The relay retries after up to 30 s. */
const PATIENCE_MS = 90_000;
const POLL_MS = 250;
/** So long nothing may change before a run counts as settled. */
const QUIET_MS = 1500;

export async function settle(world: World): Promise<RunRecord> {
  await world.control("clock?offset=0");
  await world.publishers.end();
  const channels = [...world.orders.map((id) => `order_${id}`), "products"];
  await untilQuiet(world, channels);
  const histories = await Promise.all(channels.map((channel) => historyOf(world, channel)));
  const listeners = (await world.reports()).map(({ log }): ListenerLog => ({ ...log, isCaughtUp: true }));
  return {
    published: world.publishers.published,
    listeners,
    histories,
    initialState: { status: "pending", payment_status: "pending" },
    mayLosePosition: world.mayLosePosition,
  };
}

/**
 * Waits until every entry of the stream is in a channel, or was answered, and every listener has received what its
 * channel has; or until waiting longer will not help. The checker judges what is missing.
 */
async function untilQuiet(world: World, channels: string[]): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  let before = "";
  let since = Date.now();
  let waitsFor = "quiet";
  /** Events that no listener received, because they were published before it connected, or are in its gap. */
  let unheard = new Set<string>();
  while (Date.now() < deadline) {
    // A health check also revives a relay that nobody listens to.
    const heads = await Promise.all(channels.map((channel) => headOf(world, channel)));
    const reports = await world.reports();
    const now = JSON.stringify([heads, reports.map(({ position }) => position)]);
    if (now !== before) since = Date.now();
    before = now;
    const isQuiet = Date.now() - since > QUIET_MS;
    const received = idsOf(reports.flatMap(({ log }) => log.segments));
    const missing = world.publishers.published.filter(
      ({ id, via, answers, mayBeLost, version }) =>
        via === "stream" && answers.length > 0 && !mayBeLost && version === null && !received.has(id),
    );
    if (isQuiet && missing.some(({ id }) => !unheard.has(id))) {
      unheard = idsOf(await Promise.all(channels.map((channel) => historyOf(world, channel))));
    }
    const isMissing = missing.some(({ id }) => !unheard.has(id));
    const isCaughtUp = reports.every(({ log, position }) => {
      if (log.filter !== null) return position !== null;
      return position?.seq === heads[channels.indexOf(log.channel)];
    });
    if (isQuiet && isCaughtUp && !isMissing) return;
    waitsFor = isMissing ? "entries of the stream" : isCaughtUp ? "quiet" : "listeners";
    await wait(POLL_MS);
  }
  world.count(`runs that still waited for ${waitsFor}`);
}

const idsOf = (logs: { events: { id: string }[] }[]): Set<string> =>
  new Set(logs.flatMap(({ events }) => events.map(({ id }) => id)));

async function headOf(world: World, channel: string): Promise<number> {
  await callService(world.url, "GET", "ws/health");
  const listener = await listenAt(world.url, pathOf(channel), { subject: "root", role: "admin" });
  listener.close();
  return Number((await listener.established).seq);
}

const pathOf = (channel: string) => channel.replace("order_", "orders/");

/** Reads a channel's history as far back as it reaches. */
async function historyOf(world: World, channel: string): Promise<History> {
  const open = (query: Record<string, string>) =>
    listenAt(world.url, pathOf(channel), { subject: "root", role: "admin", query });
  const now = await open({});
  const { epoch, seq } = await now.established;
  now.close();
  // Replay reaches back to a position that only trying tells.
  let [base, tooFar] = [Number(seq), -1];
  while (base - tooFar > 1) {
    const middle = tooFar === -1 ? 0 : Math.floor((base + tooFar) / 2);
    const listener = await open({ since: String(middle), epoch: String(epoch) });
    const { resumed } = await listener.established;
    listener.close();
    if (resumed) base = middle;
    else tooFar = middle;
  }
  const listener = await open({ since: String(base), epoch: String(epoch) });
  const frames = await listener.receive(Number(seq) - base);
  listener.close();
  const orderId = channel.startsWith("order_") ? channel.slice("order_".length) : null;
  const answer = orderId && (await callService(world.url, "GET", `orders/${orderId}`));
  return {
    channel,
    epoch: String(epoch),
    base,
    seq: Number(seq),
    events: frames.map((frame) => ({ seq: frame.seq, id: String(frame.id), type: frame.type, data: frame.data })),
    state: answer ? viewOf((await answer.json()) as Record<string, unknown>) : null,
  };
}
