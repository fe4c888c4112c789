import { randomUUID } from "node:crypto";
import { startWorkerd, type Workerd } from "../../support/workerd.ts";
import { call } from "../client/call.ts";
import { benchEvent, benchFrame } from "./event.ts";
import type { Target } from "./target.ts";

/** Peers on the same runtime. */

const PROGRAMS = "test/bench/programs";

/** @param stores Whether it stores each frame in a row before sending it, as durability requires. */
export async function startBareTarget(stores: boolean): Promise<Target> {
  const bindings = { STORES: stores ? "yes" : "no" };
  const durableObjects = { BareChannel: "BARE_CHANNEL" };
  return sender(await startWorkerd({ entry: `${PROGRAMS}/bare.ts`, durableObjects, bindings }), "/");
}

/** Stores nothing. */
export async function startPartyTarget(): Promise<Target> {
  const durableObjects = { PartyChannel: "PartyChannel" };
  return sender(await startWorkerd({ entry: `${PROGRAMS}/partyserver.ts`, durableObjects }), "/parties/party-channel/");
}

/** A Worker that sends every text posted to a path to the listeners of that path. @param prefix What paths begin with. */
function sender(worker: Workerd, prefix: string): Target {
  return {
    url: worker.url,
    pids: [worker.pid],
    stop: () => worker.stop(),
    async openChannel(listeners) {
      const id = randomUUID();
      const path = `${prefix}${id}`;
      return {
        socketPaths: Array<string>(listeners).fill(path),
        publish: (seq) => call(worker.url, { method: "POST", path, body: benchFrame(id, seq) }),
      };
    },
  };
}

/** Receives the body that the service receives; has no listeners. */
export async function startHonoTarget(): Promise<Target> {
  const worker = await startWorkerd({
    entry: `${PROGRAMS}/hono-row.ts`,
    durableObjects: { RowObject: "ROW_OBJECT" },
  });
  const headers = { "Content-Type": "application/json" };
  return {
    url: worker.url,
    pids: [worker.pid],
    stop: () => worker.stop(),
    async openChannel() {
      const id = randomUUID();
      const publish = (seq: number) =>
        call(worker.url, { method: "POST", path: `/${id}`, headers, body: JSON.stringify(benchEvent(id, seq)) });
      return { socketPaths: [], publish };
    },
  };
}
