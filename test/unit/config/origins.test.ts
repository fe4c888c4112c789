import { describe, expect, test } from "vitest";
import { readConfig } from "../../../src/config/config.ts";

const GOOD = { JWT_SECRET: "s".repeat(32), PUBLISH_KEYS: `shop:${"k".repeat(32)}` };

function originsOf(BACKEND_CORS_ORIGINS: string) {
  const result = readConfig({ ...GOOD, BACKEND_CORS_ORIGINS });
  return result.ok ? result.config.corsOrigins : result.faults;
}

describe("BACKEND_CORS_ORIGINS, as browsers send them:", () => {
  const exact: Record<string, string> = {
    "https://Shop.Example/": "https://shop.example",
    "https://shop.example:443": "https://shop.example",
    "http://localhost:3000": "http://localhost:3000",
    "http://[0:0:0:0:0:0:0:1]:3000": "http://[::1]:3000",
    "http://127.0.0.1:8080": "http://127.0.0.1:8080",
    "https://bücher.example": "https://xn--bcher-kva.example",
    "capacitor://localhost": "capacitor://localhost",
    "Capacitor://localhost/": "capacitor://localhost",
    "tauri://localhost": "tauri://localhost",
    "https://tauri.localhost": "https://tauri.localhost",
    "ionic://localhost": "ionic://localhost",
    "app://-": "app://-",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop": "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
    "vscode-webview://1c2d:3000": "vscode-webview://1c2d:3000",
  };
  for (const [text, origin] of Object.entries(exact)) {
    test(`${text} is ${origin}`, () =>
      expect(originsOf(text)).toEqual({ any: false, exact: new Set([origin]), wildcards: [] }));
  }

  const wildcards: Record<string, string> = {
    "https://*.shop.example": ".shop.example",
    "https://*.Shop.Example:443/": ".shop.example",
    "https://*.shop.example:8443": ".shop.example:8443",
    "https://*.shop.pages.dev": ".shop.pages.dev",
    "https://*.shop.co.uk": ".shop.co.uk",
    "https://*.bücher.example": ".xn--bcher-kva.example",
  };
  for (const [text, end] of Object.entries(wildcards)) {
    test(`${text} is one label before ${end}`, () =>
      expect(originsOf(text)).toEqual({ any: false, exact: new Set(), wildcards: [{ start: "https://", end }] }));
  }

  test("http://*.localhost:3000 is for local development", () => {
    expect(originsOf("http://*.localhost:3000")).toMatchObject({
      wildcards: [{ start: "http://", end: ".localhost:3000" }],
    });
  });

  const refused: [string, string[]][] = [
    ["what is no origin", ["https://shop.example/app", "https://shop.example?a", "https://shop.example#a"]],
    ["what has no scheme", ["shop.example", "localhost:3000", "//shop.example", "*.shop.example"]],
    ["what has a password", ["https://user@shop.example", "capacitor://a@localhost"]],
    ["what no browser sends", ["capacitor:localhost", "capacitor://localhost/app", "file://", "wss://shop.example"]],
    ["null, which any sandboxed page has", ["null", "NULL"]],
    ["a port that is none", ["https://shop.example:99999", "http://localhost:*"]],
    ["a wildcard for more than the first label", ["https://*", "https://*.*.shop.example", "https://shop.*.example"]],
    ["a wildcard for a part of a label", ["https://shop-*.shop.example", "https://*shop.example"]],
    ["a wildcard for another scheme", ["http://*.shop.example", "chrome-extension://*", "*://shop.example"]],
    ["a wildcard for addresses", ["https://*.0.0.1", "https://*.[::1]"]],
    ["a wildcard below a top level", ["https://*.com", "https://*.example", "https://*.localhost"]],
    [
      "a wildcard below a registry's second level",
      ["https://*.co.uk", "https://*.me.uk", "https://*.com.br", "https://*.org.au"],
    ],
    ["a wildcard below a hosting service", ["https://*.pages.dev", "https://*.vercel.app", "https://*.GitHub.io:8443"]],
    [
      "… whose name ends with a dot",
      ["https://*.com.", "https://*.co.uk.", "https://*.pages.dev.", "https://*.a.run.app."],
    ],
    ["a wildcard in a hosting region", ["https://*.s3.eu-central-1.amazonaws.com", "https://*.a.run.app"]],
  ];
  for (const [name, texts] of refused) {
    for (const text of texts) {
      test(`${name} is refused: ${text}`, () =>
        expect(originsOf(`https://shop.example,${text}`)).toEqual([
          {
            setting: "BACKEND_CORS_ORIGINS",
            message: expect.stringMatching(/^must .*\(item 2\)$/),
            fix: 'set BACKEND_CORS_ORIGINS = "https://shop.example,https://*.shop.example" under [vars] in wrangler.toml',
          },
        ]));
    }
  }
});
