import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { callService, listenAt, registerOrderAt } from "../support/node-client.ts";
import { SmallDisk, whyNoSmallDisk } from "../support/small-disk.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/** The disk under the service's storage is full for a while, without a Redis that would queue what is refused. */

const DISK_MB = 16;
const ATTEMPTS = 5;
const isPossible = whyNoSmallDisk() === null;
if (!isPossible) console.warn(`\nNOT TESTED: a full disk: ${whyNoSmallDisk()}.\n`);

let disk: SmallDisk;
let service: Workerd;
let order: string;
beforeEach(async () => {
  disk = new SmallDisk(DISK_MB);
  service = await startTidings({}, undefined, { storage: disk.directory });
  order = await registerOrderAt(service.url);
});
afterEach(async () => {
  await service.stop();
  disk.unmount();
});

/** Publishes an event with this id to the order and to the products. */
function publish(id: string): Promise<Response[]> {
  const send = (path: string, type: string, data: object) =>
    callService(service.url, "POST", `publish/${path}`, { type, id, data });
  return Promise.all([
    send(`orders/${order}`, "order_shipped", {}),
    send("products", "product_updated", { product_id: "p" }),
  ]);
}

/** Makes every other call that writes to the order. */
function changeOrder(): Promise<Response[]> {
  const changed = { user_id: "bob", status: "changed", payment_status: "changed" };
  return Promise.all([
    callService(service.url, "PUT", `orders/${order}`, changed),
    callService(service.url, "POST", `orders/${order}/tickets`, {}),
    callService(service.url, "DELETE", `orders/${order}`),
  ]);
}

describe.skipIf(!isPossible)("[promise 1] on a full disk", () => {
  test.each([
    ["that fills while the service runs", async () => {}],
    ["that is full when the service starts", () => service.restart()],
  ])(
    "%s, events and changes are refused; when there is space again, the acknowledged ones are there, once",
    async (_, strike) => {
      const before = await publish("before");
      expect(before.map(({ status }) => status)).toEqual([200, 200]);
      const paths = [`orders/${order}`, "products"];
      const listeners = await Promise.all(paths.map((path) => listenAt(service.url, path, { role: "admin" })));
      const epochs = await Promise.all(listeners.map(async ({ established }) => String((await established).epoch)));

      disk.fill();
      await strike();
      for (let n = 0; n < ATTEMPTS; n++) {
        // The service frees blocks when it gives up a change.
        disk.fill();
        for (const { status, headers } of await publish("meanwhile")) {
          expect(status).toBe(503);
          expect(headers.get("Retry-After")).toMatch(/^\d+$/);
        }
        disk.fill();
        for (const answer of await changeOrder()) {
          expect(answer.headers.get("Retry-After")).toMatch(/^\d+$/);
          expect(await answer.json()).toMatchObject({
            status: 503,
            detail: expect.stringContaining("storage may be full"),
          });
        }
      }

      disk.free();
      const after = await publish("meanwhile");
      const answers = await Promise.all(after.map((answer) => answer.json()));
      expect(answers).toMatchObject([
        { status: "applied", seq: 2 },
        { status: "applied", seq: 2 },
      ]);
      for (const [i, path] of paths.entries()) {
        const query = { since: "0", epoch: epochs[i] ?? "" };
        const listener = await listenAt(service.url, path, { role: "admin", query });
        const frames = await listener.receive(2);
        expect(frames.map(({ seq, id }) => [seq, id])).toEqual([
          [1, "before"],
          [2, "meanwhile"],
        ]);
        listener.close();
      }
      for (const listener of listeners) listener.close();
    },
  );
});
