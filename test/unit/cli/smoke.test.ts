import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { makeKey, type SigningKey, signWith } from "../../support/signing-keys.ts";
import { PUBLISH_KEY, TEST_ENV } from "../../support/test-env.ts";
import { startTidings, type Workerd } from "../../support/workerd.ts";
import { TestTerminal } from "./test-terminal.ts";

const env = { JWT_SECRET: TEST_ENV.JWT_SECRET, TIDINGS_KEY: PUBLISH_KEY };

/** Serves a key set at a URL of this machine. */
async function serveKeys(key: SigningKey) {
  const server = createServer((_, response) => {
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({ keys: [key.publicJwk] }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A TCP server's address is never a string.
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys` };
}

describe("with a service that accepts only tokens of a login service", () => {
  let key: SigningKey;
  let keys: Awaited<ReturnType<typeof serveKeys>>;
  let service: Workerd;
  beforeAll(async () => {
    key = await makeKey();
    keys = await serveKeys(key);
    service = await startTidings({ JWT_ALGORITHMS: "RS256", JWKS_URL: keys.url, USER_ID_CLAIM: "uid" });
  });
  afterAll(async () => {
    await service?.stop();
    keys?.server.close();
  });

  const smoke = async (...args: string[]) => {
    const terminal = new TestTerminal({ env });
    const settings = '[vars]\nJWT_ALGORITHMS = "RS256"\nUSER_ID_CLAIM = "uid"\n\n[dev]\nport = 1\n';
    writeFileSync(join(terminal.cwd, "wrangler.toml"), settings);
    return { exitCode: await terminal.run("smoke", "--url", service.url, ...args), terminal };
  };

  test("smoke asks for tokens in one line", async () => {
    const { exitCode, terminal } = await smoke();
    expect(exitCode).toBe(2);
    expect(terminal.notes).toBe(
      "JWT_ALGORITHMS accepts only tokens of your login service: give a customer's with --token and an admin's with --admin-token.",
    );
    expect(terminal.output).toBe("");
  });

  test("smoke passes with a customer's and an admin's token", async () => {
    const customer = await signWith(key, { uid: 42 });
    const admin = await signWith(key, { uid: "ops", role: "admin" });
    const { exitCode, terminal } = await smoke("--token", customer, "--admin-token", admin);
    expect(terminal.output).not.toContain("FAIL");
    expect(exitCode).toBe(0);
  });

  test.each([
    [["--token", "gi.v.en"], "go together"],
    [["--token", "gi.v.en", "--admin-token", "gi.v.en"], "--token is not a JWT"],
    [["--token", `e30.${btoa('{"sub":"alice"}')}.e30`, "--admin-token", "e30.e30.e30"], 'has no claim "uid"'],
  ])("smoke %j exits with 2", async (args, message) => {
    const { exitCode, terminal } = await smoke(...args);
    expect(exitCode).toBe(2);
    expect(terminal.notes).toContain(message);
  });
});

describe("an interrupted smoke test", () => {
  test("deletes its orders and takes its product from open pages", async () => {
    const service = await startTidings();
    onTestFinished(() => service.stop());
    const terminal = new TestTerminal({ env });
    const running = terminal.run("smoke", "--url", service.url);
    await terminal.until("ok    inventory_updated reaches");
    terminal.interrupt();
    expect(await running).toBe(1);
    expect(terminal.notes).toBe("Interrupted.");

    const watching = new TestTerminal({ env });
    const watched = watching.run("watch", "products", "--url", service.url);
    await watching.until("listening to products");
    const [, epoch] = /epoch (\w+)/.exec(watching.notes) ?? [];
    watching.interrupt();
    await watched;
    const again = new TestTerminal({ env });
    const all = again.run("watch", "products", "--url", service.url, "--since", "0", "--epoch", String(epoch));
    await again.until("product_deleted");
    again.interrupt();
    await all;
    expect(again.outLines.at(-1)).toContain("product_deleted");
  });
});
