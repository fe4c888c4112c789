import { logFault } from "../../../telemetry/log.ts";
import { type Admission, admit, makeRoomOrRefuse } from "../../admit.ts";
import { type ConnectRequest, refuseConnect, sendElsewhere, withPlan } from "../../handshake.ts";
import { newListener } from "../../listeners/listener.ts";
import { admitAfter, admitLocally } from "./admission.ts";
import { askToJoin } from "./join.ts";
import { NO_SHARDS } from "./plan.ts";
import type { JoiningClient, Shard } from "./shard.ts";

/**
 * Admits a client as a listener: at once if the shard knows what it needs, otherwise with the root's answer. A client
 * that the shard cannot take goes elsewhere.
 */
export async function connectToShard(shard: Shard, request: ConnectRequest, now: number): Promise<Response> {
  const { products, resume } = request;
  if (shard.isFull(now)) return sendOn(shard);
  const refusal = makeRoomOrRefuse(shard, request, now);
  if (refusal) return refusal;
  const { position: head } = shard.head;
  const maySkipRoot = shard.isRegistered && !shard.isOutsidePlan;
  const coveredFrom = maySkipRoot ? shard.interest.coveredFrom(products) : null;
  const admission = head && admitLocally({ head, recent: shard.recent }, coveredFrom, resume);
  if (admission) return accept(shard, request, admission, now);

  const joining = { subject: request.identity.subject, isDisconnected: false };
  shard.joining.add(joining);
  try {
    return await admitWithRoot(shard, request, joining);
  } catch (error) {
    logFault("shard", error, { channel: shard.name, request_id: request.requestId });
    return sendOn(shard);
  } finally {
    shard.joining.delete(joining);
  }
}

async function admitWithRoot(shard: Shard, request: ConnectRequest, joining: JoiningClient): Promise<Response> {
  const response = await askToJoin(shard, request.products, request.resume, ({ epoch, seq, frames }) => {
    if (joining.isDisconnected) return refuseConnect({ reason: "disconnected", isFinal: true });
    const now = Date.now();
    // The client's own place was reserved, but the shard may have been replaced meanwhile, or have much to send.
    if (shard.isFull(now, shard.joining.size - 1)) return sendOn(shard);
    const refusal = makeRoomOrRefuse(shard, request, now);
    if (refusal) return refusal;
    const answer = { position: { epoch, seq }, missed: frames };
    const admission = admitAfter({ head: shard.position(), recent: shard.recent }, answer);
    return admission && accept(shard, request, admission, now);
  });
  return response === "refused" ? sendOn(shard) : response;
}

function accept(shard: Shard, request: ConnectRequest, admission: Admission, now: number): Response {
  const { seq } = admission.position;
  const coveredFrom = shard.interest.coveredFrom(request.products) ?? seq;
  const listener = { ...newListener(request, now), from: seq, coveredFrom };
  const response = admit(shard, listener, request, admission, now);
  shard.head.replaceCarriers();
  return shard.plan ? withPlan(response, shard.plan) : response;
}

function sendOn(shard: Shard): Response {
  return sendElsewhere("full", shard.plan ?? NO_SHARDS);
}
