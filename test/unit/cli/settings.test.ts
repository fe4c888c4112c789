import { describe, expect, it } from "vitest";
import { jwtSecret, publishKey, serviceUrl } from "../../../src/cli/shared/settings.ts";
import { KEY, SECRET, TestTerminal } from "./test-terminal.ts";

const url = "http://localhost:8000";
const everywhere = () =>
  new TestTerminal({
    env: { TIDINGS_KEY: `${KEY}-env`, PUBLISH_KEYS: `shop:${KEY}-list,other:x`, JWT_SECRET: `${SECRET}-env` },
    devVars: `JWT_SECRET=${SECRET}-file\nPUBLISH_KEYS=dev:${KEY}-file\n`,
  });

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

describe("the URL", () => {
  it("keeps its path but not its trailing slash", () => {
    expect(serviceUrl({ url: "https://shop.example/rt/" })).toBe("https://shop.example/rt");
    expect(serviceUrl({ url: "http://localhost:8000/" })).toBe("http://localhost:8000");
  });

  it.each(["localhost:8000", "ws://localhost:8000", "shop"])(
    "that is not an http(s) address is refused: %s",
    (wrong) => {
      expect(() => serviceUrl({ url: wrong })).toThrow(/--url must be/);
    },
  );
});
