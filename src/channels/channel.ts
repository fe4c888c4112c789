import { type Config, configOf } from "../config/config.ts";
import type { Env } from "../config/env.ts";
import type { ChannelName } from "../protocol/names.ts";
import type { AcceptedEvent, Source } from "../protocol/publish.ts";
import { Alarm, onAlarm } from "./alarm.ts";
import { ChannelTelemetry } from "./channel-telemetry.ts";
import { connect } from "./connect.ts";
import type { ChannelRpc, OutcomesText, Usage } from "./contract.ts";
import type { Core, Topic } from "./core.ts";
import { deliver } from "./deliver.ts";
import { startEpochAfterGap } from "./gap.ts";
import { readConnectRequest } from "./handshake.ts";
import type { Migrations } from "./layout.ts";
import { Listeners } from "./listeners/listeners.ts";
import { EventLog } from "./log/event-log.ts";
import { maintain } from "./maintenance.ts";
import { SocketObject } from "./socket-object.ts";
import { Storage } from "./storage.ts";

/** What distinguishes one kind of channel from another. */
interface Blueprint<T extends Topic> {
  name: ChannelName;
  /** Create the tables that only this kind of channel has. */
  migrations: Migrations;
  topic: (storage: Storage, config: Config) => T;
}

/** The Durable Object behind one channel, with its log. Each verb has its own file. */
export abstract class Channel<T extends Topic> extends SocketObject<Core<T>> implements ChannelRpc {
  constructor(ctx: DurableObjectState, env: Env, blueprint: Blueprint<T>) {
    super(ctx, env, createCore(ctx, env, blueprint));
  }

  override async fetch(request: Request): Promise<Response> {
    return connect(this.core, readConnectRequest(request), Date.now());
  }

  async deliver(events: AcceptedEvent[], source: Source): Promise<OutcomesText> {
    const outcomes = deliver(this.core, events, source, Date.now());
    return JSON.stringify(outcomes instanceof Promise ? await outcomes : outcomes);
  }

  async declareGap(gapAt: number): Promise<void> {
    startEpochAfterGap(this.core, gapAt, Date.now());
  }

  async usage(): Promise<Usage> {
    const { read, written } = this.core.storage.rows;
    return { rowsRead: read, rowsWritten: written, alarmsSet: this.core.alarm.timesSet };
  }

  override alarm(): Promise<void> {
    const now = Date.now();
    return onAlarm(this.core, now, () => maintain(this.core, now));
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
    { ctx, env, name, kind: topic.kind, alarm },
    {
      listeners: () => listeners.count,
      onGap: async (gapAt) => startEpochAfterGap(core, gapAt, Date.now()),
    },
  );
  const listeners = new Listeners(ctx, telemetry, config);
  const position = () => log.position();
  const core: Core<T> = {
    ctx,
    config,
    name,
    storage,
    log,
    listeners,
    alarm,
    telemetry,
    topic,
    position,
    cover: position,
    fanOut: null,
  };
  return core;
}
