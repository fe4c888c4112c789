import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { app } from "../../src/edge/app.ts";
import type { Health } from "../../src/protocol/health.ts";
import { ChannelRegistry } from "../../src/registry/channel-registry.ts";
import { OBJECT_CALL_TIMEOUT_MS } from "../../src/runtime/time-limit.ts";
import { eventually } from "../support/eventually.ts";
import { shortenTimeLimit } from "../support/pauses.ts";
import {
  connect,
  deploy,
  hibernateAll,
  listen,
  ORIGIN,
  registerOrder,
  request,
  serviceRequest,
} from "../support/service.ts";
import { adminToken, mintToken } from "../support/tokens.ts";

const health = async (headers: Record<string, string> = {}) =>
  (await request("/api/v1/ws/health", { headers })).json<Health>();
const serviceHealth = async () => (await serviceRequest("GET", "/api/v1/ws/health")).json<Health>();

describe("GET /api/v1/ws/health", () => {
  test("counts the listeners of each channel as they connect and disconnect", async () => {
    expect(await serviceHealth()).toEqual({
      status: "healthy",
      redis_status: "disabled",
      active_channels: [],
      total_connections: 0,
      channel_details: {},
    });
    const [one, two] = [await registerOrder(), await registerOrder()];
    const token = await mintToken();
    const sockets = [
      await connect(`orders/${one}`, { token }),
      await connect(`orders/${one}`, { token }),
      await connect(`orders/${two}`, { token }),
      await connect("products", { token }),
    ];
    for (const socket of sockets) await socket.frame();
    const details = { [`order_${one}`]: 2, [`order_${two}`]: 1, products: 1 };
    await eventually(async () => expect((await serviceHealth()).channel_details).toEqual(details));
    const { active_channels, total_connections } = await serviceHealth();
    expect(active_channels.sort()).toEqual(Object.keys(details).sort());
    expect(total_connections).toBe(4);

    // Order ids are private: without service or admin credentials, orders are summed.
    for (const headers of [{}, { Authorization: `Bearer ${token}` }]) {
      const summed = (await request("/api/v1/ws/health", { headers })).json<Health>();
      if ("Authorization" in headers) expect((await summed).channel_details).toEqual({ orders: 3, products: 1 });
      else expect((await summed).active_channels.sort()).toEqual(["orders", "products"]);
    }
    expect((await health({ Authorization: `Bearer ${await adminToken()}` })).channel_details).toEqual(details);

    await hibernateAll();
    expect((await serviceHealth()).channel_details).toEqual(details);

    sockets[0]?.close();
    sockets[3]?.close();
    await eventually(async () =>
      expect((await serviceHealth()).channel_details).toEqual({ [`order_${one}`]: 1, [`order_${two}`]: 1 }),
    );

    // A deploy closes every socket without a close event.
    await deploy();
    expect(await serviceHealth()).toMatchObject({ active_channels: [], total_connections: 0 });
  });

  test("refuses a bad credential instead of ignoring it", async () => {
    expect((await request("/api/v1/ws/health", { headers: { Authorization: "Bearer wrong" } })).status).toBe(401);
  });

  test("does not count refused connections", async () => {
    const id = await registerOrder("alice");
    await (await connect(`orders/${id}`, { token: await mintToken({ subject: "mallory" }) })).closed();
    await (await connect("products")).closed();
    expect((await serviceHealth()).total_connections).toBe(0);
  });

  test("shows order ids without credentials when HEALTH_DETAILS=public", async () => {
    const id = await registerOrder();
    await listen(`orders/${id}`);
    const open = { ...env, HEALTH_DETAILS: "public" };
    await eventually(async () => {
      const response = await app.fetch(new Request(`${ORIGIN}/api/v1/ws/health`), open);
      expect((await response.json<Health>()).channel_details).toEqual({ [`order_${id}`]: 1 });
    });
  });

  test("is degraded when a registry does not answer in time", async () => {
    vi.spyOn(ChannelRegistry.prototype, "overview").mockReturnValue(new Promise(() => {}));
    shortenTimeLimit(OBJECT_CALL_TIMEOUT_MS);
    expect((await health()).status).toBe("degraded");
    vi.restoreAllMocks();
    expect((await health()).status).toBe("healthy");
  });
});
