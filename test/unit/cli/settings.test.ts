import { describe, expect, it } from "vitest";
import { jwtSecret, publishKey, serviceUrl } from "../../../src/cli/settings.ts";
import { KEY, SECRET, TestTerminal } from "./test-terminal.ts";

const url = "http://localhost:8000";
const everywhere = () =>
  new TestTerminal({
    env: { TIDINGS_KEY: `${KEY}-env`, PUBLISH_KEYS: `shop:${KEY}-list,other:x`, JWT_SECRET: `${SECRET}-env` },
    devVars: `JWT_SECRET=${SECRET}-file\nPUBLISH_KEYS=dev:${KEY}-file\n`,
  });

describe("the publish key", () => {
  it("is that of --key before any other", () => {
    expect(publishKey({ url, key: KEY }, everywhere()).value).toBe(KEY);
  });

  it("is TIDINGS_KEY before the first of PUBLISH_KEYS, both of the environment", () => {
    const terminal = everywhere();
    expect(publishKey({ url }, terminal).value).toBe(`${KEY}-env`);
    terminal.env.TIDINGS_KEY = " ";
    expect(publishKey({ url }, terminal)).toEqual({ value: `${KEY}-list`, source: "PUBLISH_KEYS in the environment" });
  });

  it("is the first one in .dev.vars when nothing else names one", () => {
    const terminal = new TestTerminal({ devVars: `PUBLISH_KEYS="dev:${KEY},other:x"\n` });
    expect(publishKey({ url }, terminal)).toEqual({ value: KEY, source: "PUBLISH_KEYS in .dev.vars" });
  });

  it("is the first one that may do everything, else the first", () => {
    const keys = (text: string) => publishKey({ url }, new TestTerminal({ env: { PUBLISH_KEYS: text } })).value;
    expect(keys(`reader:${KEY}-read:read, shop:${KEY}`)).toBe(KEY);
    expect(keys(`reader:${KEY}-read:read,stock:${KEY}:products`)).toBe(`${KEY}-read`);
  });

  it("is asked for, with every way to give it, when there is none", () => {
    expect(() => publishKey({ url }, new TestTerminal())).toThrow(/--key.*TIDINGS_KEY.*PUBLISH_KEYS.*npm run dev/);
  });
});

describe("the secret", () => {
  it("is that of --secret, else the environment's, else that in .dev.vars", () => {
    const terminal = everywhere();
    expect(jwtSecret({ url, secret: SECRET }, terminal).value).toBe(SECRET);
    expect(jwtSecret({ url }, terminal).value).toBe(`${SECRET}-env`);
    delete terminal.env.JWT_SECRET;
    expect(jwtSecret({ url }, terminal).value).toBe(`${SECRET}-file`);
  });

  it("is the first one of several: that is the one the service signs with", () => {
    expect(jwtSecret({ url, secret: `${SECRET}, ${SECRET}-old` }, new TestTerminal()).value).toBe(SECRET);
  });

  it("is asked for, with every way to give it, when there is none", () => {
    expect(() => jwtSecret({ url }, new TestTerminal())).toThrow(/--secret.*JWT_SECRET.*npm run dev/);
  });

  it("that is too short for any service is refused without being shown", () => {
    const tooShort = () => jwtSecret({ url, secret: "short-one" }, new TestTerminal());
    expect(tooShort).toThrow(/--secret is too short: .* 32 bytes/);
    expect(tooShort).not.toThrow(/short-one/);
  });
});

describe("the URL", () => {
  it("keeps its path and loses its trailing slash", () => {
    expect(serviceUrl({ url: "https://shop.example/rt/" })).toBe("https://shop.example/rt");
    expect(serviceUrl({ url: "http://localhost:8000/" })).toBe("http://localhost:8000");
  });

  it.each(["localhost:8000", "ws://localhost:8000", "shop"])("that is no http(s) address is refused: %s", (wrong) => {
    expect(() => serviceUrl({ url: wrong })).toThrow(/--url must be/);
  });
});
