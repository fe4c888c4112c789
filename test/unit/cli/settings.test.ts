import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { announceDevServer, DEV_SERVER_FILE } from "../../../src/cli/shared/dev-server.ts";
import { jwtSecret, publishKey, redisStream, serviceUrl } from "../../../src/cli/shared/settings.ts";
import { KEY, SECRET, TestTerminal } from "./test-terminal.ts";

const url = "http://localhost:8000";
const everywhere = () =>
  new TestTerminal({
    env: { TIDINGS_KEY: `${KEY}-env`, PUBLISH_KEYS: `shop:${KEY}-list,other:x`, JWT_SECRET: `${SECRET}-env` },
    devVars: `JWT_SECRET=${SECRET}-file\nPUBLISH_KEYS=dev:${KEY}-file\n`,
  });

const endedPid = () => spawnSync(process.execPath, ["-e", ""]).pid;

describe("the publish key", () => {
  it("comes from --key first", () => {
    expect(publishKey({ url, key: KEY }, everywhere()).value).toBe(KEY);
  });

  it("comes from TIDINGS_KEY, then from PUBLISH_KEYS in the environment", () => {
    const terminal = everywhere();
    expect(publishKey({ url }, terminal).value).toBe(`${KEY}-env`);
    terminal.env.TIDINGS_KEY = " ";
    expect(publishKey({ url }, terminal)).toEqual({ value: `${KEY}-list`, source: "PUBLISH_KEYS in the environment" });
  });

  it("comes from .dev.vars last", () => {
    const terminal = new TestTerminal({ devVars: `PUBLISH_KEYS="dev:${KEY},other:x"\n` });
    expect(publishKey({ url }, terminal)).toEqual({ value: KEY, source: "PUBLISH_KEYS in .dev.vars" });
  });

  it("is the first one without scopes, else the first", () => {
    const keys = (text: string) => publishKey({ url }, new TestTerminal({ env: { PUBLISH_KEYS: text } })).value;
    expect(keys(`reader:${KEY}-read:read, shop:${KEY}`)).toBe(KEY);
    expect(keys(`reader:${KEY}-read:read,stock:${KEY}:products`)).toBe(`${KEY}-read`);
  });

  it("that is missing is an error that lists every way to give it", () => {
    expect(() => publishKey({ url }, new TestTerminal())).toThrow(/--key.*TIDINGS_KEY.*PUBLISH_KEYS.*npm run dev/);
  });
});

describe("the secret", () => {
  it("comes from --secret, then the environment, then .dev.vars", () => {
    const terminal = everywhere();
    expect(jwtSecret({ url, secret: SECRET }, terminal).value).toBe(SECRET);
    expect(jwtSecret({ url }, terminal).value).toBe(`${SECRET}-env`);
    delete terminal.env.JWT_SECRET;
    expect(jwtSecret({ url }, terminal).value).toBe(`${SECRET}-file`);
  });

  it("is the first of several, the one that the service signs with", () => {
    expect(jwtSecret({ url, secret: `${SECRET}, ${SECRET}-old` }, new TestTerminal()).value).toBe(SECRET);
  });

  it("that is missing is an error that lists every way to give it", () => {
    expect(() => jwtSecret({ url }, new TestTerminal())).toThrow(/--secret.*JWT_SECRET.*npm run dev/);
  });

  it("that is too short for any service is refused and not printed", () => {
    const tooShort = () => jwtSecret({ url, secret: "short-one" }, new TestTerminal());
    expect(tooShort).toThrow(/--secret is too short: .* 32 bytes/);
    expect(tooShort).not.toThrow(/short-one/);
  });
});

it("the stream comes from the environment, then .dev.vars, then wrangler.toml", () => {
  const terminal = new TestTerminal({ env: { REDIS_STREAM: "of-env" }, devVars: "REDIS_STREAM=of-dev-vars\n" });
  writeFileSync(join(terminal.cwd, "wrangler.toml"), '[vars]\nREDIS_STREAM = "of-toml"\n');
  expect(redisStream(terminal)).toBe("of-env");
  terminal.env.REDIS_STREAM = " ";
  expect(redisStream(terminal)).toBe("of-dev-vars");
  rmSync(join(terminal.cwd, ".dev.vars"));
  expect(redisStream(terminal)).toBe("of-toml");
  expect(redisStream(new TestTerminal())).toBe("tidings:events");
});

describe("the URL", () => {
  it("keeps its path but not its trailing slash", () => {
    const { env, cwd } = new TestTerminal();
    expect(serviceUrl({ url: "https://shop.example/rt/" }, { env, cwd })).toBe("https://shop.example/rt");
    expect(serviceUrl({ url: "http://localhost:8000/" }, { env, cwd })).toBe("http://localhost:8000");
  });

  it.each(["localhost:8000", "ws://localhost:8000", "shop"])(
    "that is not an http(s) address is refused: %s",
    (wrong) => {
      expect(() => serviceUrl({ url: wrong }, new TestTerminal())).toThrow(/--url must be/);
      expect(() => serviceUrl({}, new TestTerminal({ env: { TIDINGS_URL: wrong } }))).toThrow(/TIDINGS_URL must be/);
    },
  );

  it("comes from --url, then TIDINGS_URL, then the running `npm run dev`, then is port 8000", () => {
    const terminal = new TestTerminal({ env: { TIDINGS_URL: "https://shop.example/" } });
    const withdraw = announceDevServer(terminal.cwd, "http://localhost:8340");
    expect(serviceUrl({ url: "http://localhost:1" }, terminal)).toBe("http://localhost:1");
    expect(serviceUrl({}, terminal)).toBe("https://shop.example");
    terminal.env.TIDINGS_URL = " ";
    expect(serviceUrl({}, terminal)).toBe("http://localhost:8340");
    withdraw();
    expect(serviceUrl({}, terminal)).toBe("http://localhost:8000");
    // An option that is empty by mistake must not mean another service.
    expect(() => serviceUrl({ url: "" }, terminal)).toThrow(/--url must be/);
  });

  it.each([
    ["of a process that has ended", { pid: endedPid() }],
    ["from before the machine was started", { started_at: new Date(0).toISOString() }],
    ["without a process", { pid: undefined }],
    ["of a process group", { pid: -1 }],
  ])("does not come from a record %s", (_, stale) => {
    const { cwd, env } = new TestTerminal();
    announceDevServer(cwd, "http://localhost:8340");
    const path = join(cwd, DEV_SERVER_FILE);
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...stale }));
    expect(serviceUrl({}, { cwd, env })).toBe("http://localhost:8000");
  });

  it("does not come from a record that is not one, and a missing folder stops nothing", () => {
    const { cwd, env } = new TestTerminal();
    announceDevServer(cwd, "http://localhost:8340");
    writeFileSync(join(cwd, DEV_SERVER_FILE), "{");
    expect(serviceUrl({}, { cwd, env })).toBe("http://localhost:8000");
    const other = new TestTerminal();
    writeFileSync(join(other.cwd, ".wrangler"), "");
    announceDevServer(other.cwd, "http://localhost:8340")();
    expect(serviceUrl({}, other)).toBe("http://localhost:8000");
  });

  it("stays with the `npm run dev` that was started last, when an earlier one ends", () => {
    const { cwd, env } = new TestTerminal();
    const withdraw = announceDevServer(cwd, "http://localhost:1");
    const path = join(cwd, DEV_SERVER_FILE);
    const later = { url: "http://localhost:2", pid: process.ppid };
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...later }));
    withdraw();
    expect(serviceUrl({}, { cwd, env })).toBe("http://localhost:2");
  });
});
