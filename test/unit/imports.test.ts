import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";

/** Who may import whom, so that a newcomer knows where to look and a change stays where it belongs. */

const root = join(import.meta.dirname, "../..");
const files = globSync("src/**/*.{ts,tsx}", { cwd: root });

interface Import {
  file: string;
  /** A path below `src/`, or a package. */
  from: string;
  isType: boolean;
}

const imports = files.flatMap((file): Import[] => {
  const source = readFileSync(join(root, file), "utf8");
  return [...source.matchAll(/^(?:import|export)\s+(type\s)?[^;]*?from\s+"([^"]+)"/gm)].map(
    ([, isType, name = ""]) => ({
      file: relative("src", file),
      from: name.startsWith(".") ? relative("src", join(dirname(file), name)) : name,
      isType: isType !== undefined,
    }),
  );
});

const importsOf = (folder: string) => imports.filter(({ file }) => file.startsWith(folder));
const isOurs = ({ from }: Import) => files.includes(join("src", from));
const show = ({ file, from }: Import) => `${file} imports ${from}`;

/** The imports of `folder` that point at ours, outside what `allowed` names. */
function forbidden(folder: string, allowed: string[], ignoreTypes = false): string[] {
  return importsOf(folder)
    .filter(isOurs)
    .filter(({ from, isType }) => !(ignoreTypes && isType) && !allowed.some((path) => from.startsWith(path)))
    .map(show);
}

describe("the direction of dependencies", () => {
  test("the list is not empty", () => expect(imports.length).toBeGreaterThan(50));

  test("protocol imports nothing of ours and nothing of the platform", () => {
    expect(forbidden("protocol/", ["protocol/"])).toEqual([]);
    expect(importsOf("protocol/").filter(({ from }) => /^(cloudflare:|node:)/.test(from))).toEqual([]);
  });

  test("sdk imports protocol only", () => expect(forbidden("sdk/", ["sdk/", "protocol/"])).toEqual([]));

  test("channels never import edge or ingress", () =>
    expect(forbidden("channels/", ["channels/", "protocol/", "telemetry/", "config/"])).toEqual([]));

  test("ingress knows the channels' addresses, not their classes", () =>
    expect(
      forbidden("ingress/", ["ingress/", "protocol/", "telemetry/", "config/", "channels/directory.ts"], true),
    ).toEqual([]));

  test("edge knows ingress/dispatch and the channels' addresses and handshake", () =>
    expect(
      forbidden(
        "edge/",
        [
          "edge/",
          "protocol/",
          "telemetry/",
          "config/",
          "channels/directory.ts",
          "channels/handshake.ts",
          "channels/contract.ts",
          "ingress/dispatch.ts",
        ],
        true,
      ),
    ).toEqual([]));

  test("the demo page knows the SDK, what travels, and the metrics' names", () =>
    expect(
      forbidden("site/demo/page/", ["site/demo/page/", "sdk/", "protocol/close-", "telemetry/metrics.ts"]),
    ).toEqual([]));

  test("nothing imports demo, cli or test", () =>
    expect(
      imports
        .filter(({ file, from }) => /^(\.\.|site\/|cli\/|dev\/)/.test(from) && !/^(site|cli|dev)\//.test(file))
        .map(show),
    ).toEqual([]));

  // What tokens are, how their keys are found and how tickets are made is one concern: a folder, not a file.
  const oneDoor: [string, RegExp, RegExp][] = [
    ["jose", /^jose/, /^(edge\/auth\/|cli\/)/],
    ["Upstash", /^@upstash/, /^(ingress\/redis\/client\.ts|cli\/)/],
    ["Hono", /^hono/, /^edge\//],
  ];
  for (const [name, library, door] of oneDoor) {
    test(`${name} enters through one place`, () =>
      expect(imports.filter(({ file, from }) => library.test(from) && !door.test(file)).map(show)).toEqual([]));
  }
});
