import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { runBench } from "../../../src/cli/bench/run.ts";
import { ServiceClient } from "../../../src/cli/shared/service.ts";
import { jwtSecret, publishKey } from "../../../src/cli/shared/settings.ts";
import { BATCH_PATH } from "../../../src/protocol/paths.ts";
import { eventually } from "../../support/eventually.ts";
import { callService } from "../../support/node-client.ts";
import { PUBLISH_KEY, TEST_ENV } from "../../support/test-env.ts";
import { startTidings } from "../../support/workerd.ts";
import { TestTerminal } from "./test-terminal.ts";

test("bench measures a running service and leaves nothing behind", async () => {
  const service = await startTidings();
  const terminal = new TestTerminal();
  const credentials = ["--url", service.url, "--key", PUBLISH_KEY, "--secret", TEST_ENV.JWT_SECRET];
  const load = ["--sockets", "20", "--events", "100", "--batch", "30"];
  expect(await terminal.run("bench", ...load, ...credentials, "--json"), terminal.notes).toBe(0);
  const { connections, latency, burst } = JSON.parse(terminal.output);
  expect(connections.count).toBe(20);
  expect(latency.events).toBe(10);
  expect(burst.events).toBe(100);
  for (const figure of [connections.per_second, latency.p50_ms, latency.p99_ms, burst.deliveries_per_second]) {
    expect(figure).toBeGreaterThan(0);
  }
  expect(terminal.notes).toContain("Opening 20 sockets");

  const words = new TestTerminal();
  expect(await words.run("bench", "--sockets", "2", "--events", "10", ...credentials)).toBe(0);
  expect(words.output).toMatch(/connections .* a second[\s\S]*one by one[\s\S]*in batches/);

  await eventually(async () => {
    const health = await callService(service.url, "GET", "ws/health");
    expect(await health.json()).toMatchObject({ total_connections: 0 });
  });
  await service.stop();
});

/** Runs bench on a service through a client that differs from the real one. */
async function benchThrough(Client: typeof ServiceClient, load = { sockets: 1, events: 10, batch: 10 }) {
  const running = await startTidings();
  onTestFinished(() => running.stop());
  const options = { key: PUBLISH_KEY, secret: TEST_ENV.JWT_SECRET };
  const terminal = new TestTerminal();
  const service = new Client(running.url, publishKey(options, terminal));
  const { signal } = new AbortController();
  const setup = { service, secret: jwtSecret(options, terminal), ...load, signal };
  return { result: await runBench(setup, (line) => terminal.note(line)), terminal };
}

test("bench ends with the reason when a batch is refused, and with no other error", async () => {
  class Refusing extends ServiceClient {
    override async call(method: string, path: string, body?: unknown) {
      if (path === BATCH_PATH) throw new Error("refused for the test");
      return super.call(method, path, body);
    }
  }
  // The run of the tests fails for a rejection that nobody awaits.
  await expect(benchThrough(Refusing, { sockets: 2, events: 20, batch: 10 })).rejects.toThrow("refused for the test");
});

test("bench measures until the last listener's frame, however late the answers to its calls are", async () => {
  class Late extends ServiceClient {
    override async call(method: string, path: string, body?: unknown) {
      const answer = await super.call(method, path, body);
      if (method === "POST") await delay(2000);
      return answer;
    }
  }
  const { latency, burst } = (await benchThrough(Late)).result;
  expect(latency.p99_ms).toBeLessThan(2000);
  // Ten deliveries.
  expect(burst.deliveries_per_second).toBeGreaterThan(5);
});

test.each([
  ["connects", "Opening 20 sockets", 1000],
  ["publishes one by one", "Publishing 1000000 events one by one", 10_000_000],
  ["publishes in batches", "in batches of 1 ", 1000],
])("a bench that is interrupted while it %s deletes its order", async (_, step, events) => {
  const service = await startTidings();
  onTestFinished(() => service.stop());
  const terminal = new TestTerminal();
  const credentials = ["--url", service.url, "--key", PUBLISH_KEY, "--secret", TEST_ENV.JWT_SECRET];
  const running = terminal.run("bench", "--sockets", "20", "--events", String(events), "--batch", "1", ...credentials);
  await terminal.until(step);
  const call = vi.spyOn(ServiceClient.prototype, "call");
  onTestFinished(() => call.mockRestore());
  terminal.interrupt();
  expect(await running).toBe(1);
  expect(call).toHaveBeenLastCalledWith("DELETE", expect.stringMatching(/^\/api\/v1\/orders\//));
  expect(terminal.notes).not.toContain("Could not delete");
  expect(terminal.noteLines.at(-1)).toBe("Interrupted.");
});

test.each([
  ["does not answer", () => Promise.reject(new Error("no answer")), "no answer"],
  ["answers with 503", async () => ({ status: 503, body: null }), "status 503"],
])("bench says that its order is left when the service %s", async (_, answer, reason) => {
  class Failing extends ServiceClient {
    override request(method: string, path: string, body?: unknown) {
      return method === "DELETE" ? answer() : super.request(method, path, body);
    }
  }
  const { terminal } = await benchThrough(Failing);
  expect(terminal.noteLines.at(-1)).toMatch(/^Could not delete the temporary order [0-9a-f-]{36}: /);
  expect(terminal.noteLines.at(-1)).toContain(reason);
});

test("bench explains why a listener was refused", async () => {
  const service = await startTidings();
  const terminal = new TestTerminal();
  const credentials = [
    "--url",
    service.url,
    "--key",
    PUBLISH_KEY,
    "--secret",
    "another-secret-0123456789-abcdefghijkl",
  ];
  expect(await terminal.run("bench", "--sockets", "1", ...credentials)).toBe(1);
  expect(terminal.notes).toContain("4001 unauthenticated");
  expect(terminal.notes).toContain(`The token was signed with --secret: is that the JWT_SECRET of ${service.url}?`);
  expect(terminal.notes).not.toContain("RATE_LIMITS");
  await service.stop();
});
