import type { Context } from "hono";
import { configOf } from "../../config/config.ts";
import type { Env } from "../../config/env.ts";
import { relayStub } from "../../ingress/redis/directory.ts";
import { RELAY_PROBLEMS } from "../../protocol/health.ts";
import { CHANNEL_KINDS } from "../../protocol/names.ts";
import { registryStubs } from "../../registry/directory.ts";
import { withinTimeLimit } from "../../runtime/time-limit.ts";
import { Counters } from "../../telemetry/counters.ts";
import { EXPOSITION_TYPE, exposition, type Gauge } from "../../telemetry/exposition.ts";
import { knownSeries } from "../../telemetry/known-series.ts";
import { recordRelayTotals } from "../../telemetry/record.ts";
import { requireService } from "../auth/require.ts";
import { type HonoEnv, reportFault } from "../context.ts";
import { Refusal } from "../errors.ts";
import { addTotals } from "../totals.ts";

/**
 * `GET /metrics`: Prometheus text, for services. Answers 503 unless every registry responds, because counters must
 * never decrease.
 */
export async function metrics(c: Context<HonoEnv>): Promise<Response> {
  await requireService(c, "read");
  const counts = new Counters();
  const gauges: Gauge[] = [];
  const [registries] = await Promise.all([
    Promise.all(registryStubs(c.env).map((registry) => withinTimeLimit(registry.metrics()))),
    addRelay(c.env, counts, gauges),
  ]).catch((error: unknown) => {
    reportFault(c, "metrics", error);
    throw new Refusal("unavailable");
  });
  for (const { counted } of registries) counts.add(counted);
  const totals = addTotals(registries.map(({ kinds }) => kinds));
  for (const kind of CHANNEL_KINDS) {
    gauges.push({ name: "tidings_connections", labels: { kind }, value: totals[kind].connections });
    gauges.push({ name: "tidings_channels", labels: { kind }, value: totals[kind].channels });
  }
  const { catalogue, publishKeys } = configOf(c.env);
  const known = knownSeries(
    [...catalogue.keys()],
    publishKeys.map(({ name }) => name),
  );
  return c.body(exposition(counts.all, gauges, known), 200, { "Content-Type": EXPOSITION_TYPE });
}

async function addRelay(env: Env, counts: Counters, gauges: Gauge[]): Promise<void> {
  if (!configOf(env).redis) return;
  const { redis, lagEntries, lagSeconds, gaps, deadLetters, problems, failingChannels } = await withinTimeLimit(
    relayStub(env).metrics(),
  );
  recordRelayTotals(counts, { gaps, deadLetters });
  gauges.push({ name: "tidings_redis_up", labels: {}, value: redis === "healthy" ? 1 : 0 });
  gauges.push({ name: "tidings_relay_failing_channels", labels: {}, value: failingChannels });
  for (const problem of RELAY_PROBLEMS) {
    gauges.push({ name: "tidings_relay_degraded", labels: { problem }, value: problems.includes(problem) ? 1 : 0 });
  }
  // The lag is unknown while Redis does not respond.
  if (lagEntries !== null) gauges.push({ name: "tidings_relay_lag_entries", labels: {}, value: lagEntries });
  if (lagSeconds !== null) gauges.push({ name: "tidings_relay_lag_seconds", labels: {}, value: lagSeconds });
}
