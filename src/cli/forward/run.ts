import { BatchQueue } from "../../sdk/publisher/batch-queue.ts";
import { createServiceCall, type ServiceOptions } from "../../sdk/publisher/service-call.ts";
import type { Topics } from "../redis/subscribe.ts";
import { shownRedisUrl } from "../redis/url.ts";
import { CommandError, EXIT } from "../shared/command-error.ts";
import { connectionFailure } from "../shared/connection-failure.ts";
import { countOf } from "../shared/count-of.ts";
import type { Terminal } from "../shared/terminal.ts";
import { Forwarder } from "./forwarder.ts";
import { keepForwarding } from "./keep-forwarding.ts";
import { isOneChannel, isOrdersChannel, type Mapping } from "./message.ts";
import { serveMetrics } from "./metrics-server.ts";
import { ForwardReport } from "./report.ts";
import { doubtsAbout } from "./spelling.ts";

/** The timeout of one publish call. */
const CALL_TIMEOUT_MS = 15_000;
/** How long to keep publishing after a signal to stop: `docker stop` kills the process after 10 s. */
const DRAIN_MS = 8000;
const BATCH = { maxEvents: 500, maxDelayMs: 20 };
/** Messages wait as long as the service is unavailable. */
const UNTIL_PUBLISHED = { maxTries: Number.POSITIVE_INFINITY, deadlineMs: Number.POSITIVE_INFINITY };

interface Run {
  mapping: Mapping;
  redisUrl: string;
  url: string;
  key: string;
  lockKey: string;
  isJson: boolean;
  /** Where to serve metrics; null for nowhere. */
  metrics: { port: number; host: string } | null;
}

/** Forwards until interrupted. @throws {CommandError} when it cannot continue, or messages were left unpublished. */
export async function runForward(run: Run, terminal: Terminal): Promise<void> {
  const { mapping, redisUrl, url, key, lockKey } = run;
  const route = `${mapping.orders} and ${mapping.products} from ${shownRedisUrl(redisUrl)} to ${url}`;
  const ending = new AbortController();
  // First, because it may fail: nothing else has to be stopped then.
  const stopMetrics = run.metrics ? await serveMetrics(run.metrics.host, run.metrics.port, () => report.metrics) : null;
  const report = new ForwardReport(terminal, run.isJson, route, () => forwarder.waiting);
  const call = createServiceCall({ url, key, timeoutMs: CALL_TIMEOUT_MS, fetch: reportingFetch(report) });
  const forwarder = new Forwarder(mapping, new BatchQueue(call, UNTIL_PUBLISHED, BATCH), report, (error) =>
    ending.abort(error),
  );
  let drained: Promise<void> | undefined;
  const drain = () => {
    drained ??= forwarder.drain(DRAIN_MS);
    return drained;
  };
  const removeHandler = terminal.onInterrupt(() => ending.abort());
  try {
    await keepForwarding({
      redisUrl,
      lockKey,
      report,
      drain,
      topics: topicsOf(mapping),
      signal: ending.signal,
      onFirstForward: (subscribed) => {
        for (const doubt of doubtsAbout(mapping, subscribed)) terminal.note(doubt);
      },
      receive: (channel, message) => forwarder.receive(channel, message),
    });
  } finally {
    await drain();
    removeHandler();
    stopMetrics?.();
    report.end();
  }
  const { reason } = ending.signal;
  if (reason instanceof CommandError) throw reason;
  if (forwarder.waiting === 0) return;
  throw new CommandError(
    EXIT.failed,
    `${countOf(forwarder.waiting, "message")} lost: the service accepted none within ${DRAIN_MS / 1000} s.`,
  );
}

function topicsOf(mapping: Mapping): Topics {
  const { orders, products } = mapping;
  if (isOneChannel(mapping)) return { channels: [orders, products] };
  // Messages of a channel that the pattern covers as well would arrive twice.
  return { patterns: [orders], channels: isOrdersChannel(mapping, products) ? [] : [products] };
}

/** Returns a `fetch` that reports when the service stops answering and when it answers again. */
function reportingFetch(report: ForwardReport): NonNullable<ServiceOptions["fetch"]> {
  let wasUp = true;
  const answered = (isUp: boolean, reason: string) => {
    if (isUp !== wasUp) report.service(isUp, reason);
    wasUp = isUp;
  };
  return async (url, init) => {
    try {
      const response = await fetch(url, init);
      answered(response.status < 500, `status ${response.status}`);
      return response;
    } catch (error) {
      answered(false, connectionFailure(error, CALL_TIMEOUT_MS));
      throw error;
    }
  };
}
