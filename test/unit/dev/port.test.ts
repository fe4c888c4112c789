import { expect, it } from "vitest";
import { wantedPort } from "../../../src/dev/port.ts";

const TOML = "[dev]\nport = 8000\n";

it("is the last --port, else that of wrangler.toml, else unknown", () => {
  expect(wantedPort(TOML, ["--port", "8123"])).toBe(8123);
  expect(wantedPort(TOML, ["--port=1", "--port=65535"])).toBe(65_535);
  expect(wantedPort(TOML, ["--ip", "::1"])).toBe(8000);
  expect(wantedPort(TOML.replaceAll("\n", "\r\n"), [])).toBe(8000);
  expect(wantedPort("", [])).toBeNull();
});

it.each(["[dev] # local\nport = 8000\n", '[dev]\nip = "[::1]"\n# See [1].\nport = 8000\n[vars]\nport = 1\n'])(
  "is that of the table dev, whatever stands around it: %j",
  (toml) => expect(wantedPort(toml, [])).toBe(8000),
);

it("may be any form of TOML's integers", () => {
  expect(["8_000", "0x1F40", "+8000"].map((port) => wantedPort(`[dev]\nport = ${port}\n`, []))).toEqual([
    8000, 8000, 8000,
  ]);
});

it("in a wrangler.toml that is not TOML is refused by its line", () => {
  expect(() => wantedPort("[dev]\nport = \n", [])).toThrow(/^wrangler\.toml, line 2: ./);
});

it("is unknown where another table has it", () => {
  expect(wantedPort("[dev]\n[vars]\nport = 8000\n", [])).toBeNull();
});

it.each([["--port", "99999"], ["--port=65536"], ["--port", "-1"], ["--port", "soon"], ["--port", "8e3"], ["--port"]])(
  "that is not a port is refused with an example: %s %s",
  (...args) => {
    expect(() => wantedPort(TOML, args)).toThrow(/^--port must be a whole number up to 65535, .* -- --port 8123$/);
  },
);

it("that is not a port in wrangler.toml is refused by its place", () => {
  expect(() => wantedPort("[dev]\nport = 99999\n", [])).toThrow(/^`port` in wrangler\.toml must be/);
});
