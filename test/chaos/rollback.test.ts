import { dirname, join } from "node:path";
import { build } from "esbuild";
import { afterEach, expect, test } from "vitest";
import { newListener, readAttachment, writeAttachment } from "../../src/channels/listeners/listener.ts";
import { callService, listenAt, registerOrderAt } from "../support/node-client.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { previousBuild } from "./run/previous-build.ts";

/** Storage of this version is read by the previous one, and by this one again: a rollback loses nothing. */

const previous = await previousBuild();
if (!previous) console.warn("Skipped: the previous version is not in this checkout's history.");

let service: Workerd;
afterEach(() => service?.stop());

const publish = async (path: string, type: string, data: object, more: object = {}) =>
  (await callService(service.url, "POST", `publish/${path}`, { type, data, ...more })).json();
const orderState = async (id: string) => (await callService(service.url, "GET", `orders/${id}`)).json();

test.skipIf(!previous)(
  "[promise 1] [promise 3] [promise 4] [promise 8] a rollback and its undoing lose nothing",
  async () => {
    service = await startTidings();
    const id = await registerOrderAt(service.url);
    const stock = (n: number, version: number) =>
      publish("products", "inventory_updated", { product_id: "p-1", new_quantity: n }, { version });
    const shipped = () => publish(`orders/${id}`, "order_shipped", { carrier: "UPS" }, { id: "shipped", version: 3 });
    expect(await shipped()).toMatchObject({ status: "applied", seq: 1 });
    expect(await stock(1, 5)).toMatchObject({ status: "applied", seq: 1 });
    const before = await orderState(id);
    const { epoch } = (await (await listenAt(service.url, "products")).established) as { epoch: string };

    const versions = [previous ?? {}, service.options];
    for (const [deploys, version] of versions.entries()) {
      await service.deploy(version);
      expect(await orderState(id)).toMatchObject(before as object);
      expect(await shipped()).toMatchObject({ status: "duplicate", seq: 1 });
      expect(await publish(`orders/${id}`, "order_shipped", {}, { version: 2 })).toMatchObject({ status: "stale" });
      expect(await stock(9, 4)).toMatchObject({ status: "stale" });
      expect(await stock(2, 6 + deploys)).toMatchObject({ status: "applied", seq: 2 + deploys });
      const listener = await listenAt(service.url, "products", { query: { since: "0", epoch } });
      expect(await listener.established).toMatchObject({ resumed: true, epoch });
      expect((await listener.receive(2 + deploys)).map(({ seq }) => seq)).toEqual([1, 2, 3].slice(0, 2 + deploys));
      listener.close();
    }
    expect(service.log).not.toContain('"level":"error"');
  },
);

/** Keeps an attachment as the runtime does. */
class StoredSocket {
  #attachment: unknown = null;

  serializeAttachment(value: unknown): void {
    this.#attachment = structuredClone(value);
  }

  deserializeAttachment(): unknown {
    return structuredClone(this.#attachment);
  }
}

test.skipIf(!previous)("a socket that stays open through a rollback and back keeps who listens to what", async () => {
  const path = join(dirname(previous?.entry ?? ""), "channels/listeners/listener.ts");
  const { outputFiles } = await build({
    entryPoints: [path],
    bundle: true,
    format: "esm",
    write: false,
    logLevel: "silent",
  });
  const source = Buffer.from(outputFiles[0]?.contents ?? []).toString("base64");
  const earlier: typeof import("../../src/channels/listeners/listener.ts") = await import(
    `data:text/javascript;base64,${source}`
  );
  const identity = { subject: "alice", isAdmin: false, orderId: null, ticketGeneration: null, expiresAt: 5 };
  const request = { identity, speaksV1: true, products: ["p-1"], conflates: true, resume: null, requestId: "r" };
  const listener = { ...newListener(request, 1), from: 3, coveredFrom: 4, head: { epoch: "e", seq: 4, turn: 2 } };
  // All that reading and writing an attachment needs of a socket.
  const socket = new StoredSocket() as unknown as WebSocket;
  writeAttachment(socket, listener);
  const read = earlier.readAttachment(socket);
  expect(read).toMatchObject({ ...identity, speaksV1: true, products: ["p-1"], requestId: "r" });
  if (read) earlier.writeAttachment(socket, { ...read, seenAt: 9 });
  expect(readAttachment(socket)).toEqual({ ...listener, seenAt: 9 });
});
