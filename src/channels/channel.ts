import { DurableObject } from "cloudflare:workers";
import { type Config, configOf } from "../config/config.ts";
import type { Env } from "../config/env.ts";
import type { ChannelName } from "../protocol/names.ts";
import type { AcceptedEvent, PublishOutcome, Source } from "../protocol/publish.ts";
import { Alarm } from "./alarm.ts";
import { ChannelTelemetry, NO_CLOSE_CODE } from "./channel-telemetry.ts";
import { handleMessage } from "./client-message.ts";
import { connect } from "./connect.ts";
import type { ChannelRpc, Usage } from "./contract.ts";
import type { Core, Topic } from "./core.ts";
import { deliver } from "./deliver.ts";
import { startEpochAfterGap } from "./gap.ts";
import { readConnectRequest } from "./handshake.ts";
import type { Migrations } from "./layout.ts";
import { Listeners } from "./listeners/listeners.ts";
import { EventLog } from "./log/event-log.ts";
import { onAlarm } from "./maintenance.ts";
import { Storage } from "./storage.ts";

/** The delay before a failed report is repeated. Until then, the registry's count for this channel is stale. */
const REPORT_RETRY_MS = 60_000;

/** What distinguishes one kind of channel from another. */
export interface Blueprint<T extends Topic> {
  name: ChannelName;
  /** Create the tables that only this kind of channel has. */
  migrations: Migrations;
  topic: (storage: Storage, config: Config) => T;
}

/**
 * The Durable Object behind one channel: everything that the runtime and the Worker may call. Each verb has its own file.
 *
 * RPC exposes every method of the class, so internals are fields, which it does not expose, or `#private`.
 */
export abstract class Channel<T extends Topic> extends DurableObject<Env> implements ChannelRpc {
  readonly core: Core<T>;

  constructor(ctx: DurableObjectState, env: Env, blueprint: Blueprint<T>) {
    super(ctx, env);
    this.core = createCore(ctx, env, blueprint);
  }

  /** Admits a client, on behalf of the Worker (`requestSocket`). */
  override async fetch(request: Request): Promise<Response> {
    return connect(this.core, readConnectRequest(request), Date.now());
  }

  async deliver(events: AcceptedEvent[], source: Source): Promise<PublishOutcome[]> {
    return deliver(this.core, events, source, Date.now());
  }

  async disconnect(userId: string | null): Promise<number> {
    return this.core.listeners.closeWhere(({ subject }) => userId === null || subject === userId, "disconnected");
  }

  async declareGap(gapAt: number): Promise<void> {
    startEpochAfterGap(this.core, gapAt, Date.now());
  }

  async countListeners(): Promise<number> {
    return this.core.listeners.count;
  }

  async usage(): Promise<Usage> {
    const { read, written } = this.core.storage.rows;
    return { rowsRead: read, rowsWritten: written, alarmsSet: this.core.alarm.timesSet };
  }

  override alarm(): Promise<void> {
    return onAlarm(this.core, Date.now());
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    return handleMessage(this.core, socket, message, Date.now());
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.core.listeners.completeClose(socket, code);
  }

  override webSocketError(socket: WebSocket): void {
    this.core.listeners.remove(socket, NO_CLOSE_CODE);
  }
}

function createCore<T extends Topic>(
  ctx: DurableObjectState,
  env: Env,
  { name, migrations, topic: createTopic }: Blueprint<T>,
): Core<T> {
  const config = configOf(env);
  const storage = Storage.open(ctx.storage, migrations);
  const topic = createTopic(storage, config);
  const { historyLimit, historyTtlMs: ttlMs, storageGeneration: generation } = config;
  const log = new EventLog(storage, { maxEvents: historyLimit[topic.kind], ttlMs, generation }, topic.chains);
  log.epochs.repair(Date.now());
  const alarm = new Alarm(ctx);
  const telemetry = new ChannelTelemetry(
    { ctx, env, name, kind: topic.kind },
    {
      listeners: () => listeners.count,
      onGap: (gapAt) => startEpochAfterGap(core, gapAt, Date.now()),
      onReportFailed: () => alarm.ensure(Date.now() + REPORT_RETRY_MS, Date.now()),
    },
  );
  const listeners = new Listeners(ctx, telemetry, config);
  const core: Core<T> = { ctx, config, name, storage, log, listeners, alarm, telemetry, topic };
  return core;
}
