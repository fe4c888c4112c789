import { expect, test } from "vitest";
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
  await service.stop();
});
