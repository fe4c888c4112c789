import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type * as z from "zod";
import { machineInWords } from "../../bench/report/table.ts";
import { ROOT } from "../../support/documents.ts";
import { type EnduranceResult, enduranceResult, judge, lastOfParts } from "../endurance/judge.ts";
import { type FuzzResult, fuzzResult, RESULTS, type StormResult, stormResult } from "../results.ts";
import { type FailuresResult, failuresResult } from "../run/report.ts";
import { FOUND_BY_FUZZING, type Found, TRIED } from "./tried.ts";

/** The manual's tables of what was tried under failures, from the results that are kept. */

export const FAILURE_HEADINGS = ["what failed", "how often", "found by such tests, and fixed"];

/** @throws when a run's failure is in no row, or a regression test is gone. */
export function failureRows(): string[][] {
  const runs = longRuns();
  const unknown = runs
    .flatMap(({ faults }) => Object.keys(faults))
    .filter((fault) => !TRIED.some(({ faults }) => faults.includes(fault)));
  if (unknown.length > 0) throw new Error(`No row of the manual names ${unknown.join(", ")}`);
  const times = (of: "faults" | "publishers", name: string) => number(sum(runs.map((run) => run[of][name] ?? 0)));
  return [
    ...TRIED.map(({ what, faults, found }) => [
      what,
      faults.map((fault) => times("faults", fault)).join("; "),
      found.map(linkOf).join("; "),
    ]),
    [
      "Events published again with the same `id`; events whose version was late",
      ["duplicate", "stale"].map((outcome) => times("publishers", outcome)).join("; "),
      "",
    ],
  ];
}

/** A sentence above the table. */
export function failuresSummary(): string {
  const runs = longRuns();
  const all = (of: (run: FailuresResult) => number) => number(sum(runs.map(of)));
  const minutes = Math.round(sum(runs.map(({ seconds }) => seconds)) / 60);
  return (
    `${runs.length} runs, ${minutes} minutes in all, had ${all(({ events }) => events)} events, ` +
    `${all(({ frames }) => frames)} received frames, ${all(({ checks }) => checks)} comparisons, and ` +
    `${violationsOf(runs.flatMap(({ violations }) => violations))}:`
  );
}

export const RUN_HEADINGS = ["command", "tried", "result"];

/** A sentence below the table: listeners and service share a machine, and other programs may slow both. */
export function runsOrigin(): string {
  const { date, machine } = resultIn("storm", stormResult);
  return `The storms' times are those of ${date}: ${machineInWords(machine)}.`;
}

export const runRows = (): string[][] => [...longRuns().map(longRow), fuzzRow(), ...stormRows(), enduranceRow()];

function longRow(run: FailuresResult): string[] {
  const kills = run.faults["kill -9 of the service"] ?? 0;
  const faults = sum(Object.values(run.faults));
  const tried = [
    `${run.rounds.length} rounds, ${number(faults)} failures, ${kills} of them \`kill -9\` of the service`,
    `${number(run.events)} events, ${number(run.frames)} frames`,
    ...run.skipped.map((reason) => `skipped: ${reason}`),
  ];
  const result = `${number(run.checks)} comparisons, ${violationsOf(run.violations)}`;
  return [`\`--long --seed ${run.seed}\``, tried.join("; "), result];
}

function fuzzRow(): string[] {
  const run: FuzzResult = resultIn("fuzz", fuzzResult);
  const tried = [
    `${number(run.inputs)} almost valid inputs at ${run.entrances} entrances`,
    `${number(run.calls)} calls and ${number(run.sockets)} sockets with ${number(run.messages)} messages`,
  ];
  const growth = run.grownMB > 0 ? `grew by ${run.grownMB} MB` : "did not grow";
  const result =
    `each was read or refused as documented, nothing leaked, memory ${growth}; ` +
    `found and fixed: ${FOUND_BY_FUZZING.map(linkOf).join("; ")}`;
  return [`\`--fuzz --seed ${run.seed}\``, tried.join("; "), result];
}

function stormRows(): string[][] {
  const { orders, products, login }: StormResult = resultIn("storm", stormResult);
  const all = [
    { ...orders, strike: "kill -9", of: "orders", atRoot: "" },
    ...products.map((storm) => ({
      ...storm,
      of: "products at two shards",
      atRoot:
        storm.requestsAtRoot === 0
          ? "; no request at the root"
          : `; ${number(storm.requestsAtRoot)} requests at the root, at most ${number(storm.mostPerSecond)} a second`,
    })),
  ];
  return [
    ...all.map(({ strike, of, listeners, attempts, liveAfterMs, caughtUpAfterMs, atRoot }) => [
      "`--storm`",
      `${number(listeners)} listeners of ${of} dropped at once: ${strike.replace("kill -9", "`kill -9` of the service")}`,
      `all live after ${seconds(liveAfterMs)}, caught up after ${seconds(caughtUpAfterMs)}; ` +
        `${number(attempts)} attempts${atRoot}`,
    ]),
    [
      "`--storm`",
      `${number(login.pages)} pages that reconnect without jitter while the login service is down`,
      `${number(login.connections)} connections in ${login.seconds} s caused ${login.fetches} requests to it`,
    ],
  ];
}

function enduranceRow(): string[] {
  const run: EnduranceResult = resultIn("endurance-60min", enduranceResult);
  const parts = lastOfParts(run.samples);
  const total = (of: "published" | "received" | "joins" | "refused") => number(sum(parts.map((part) => part[of])));
  const judged = judge(run.samples);
  const named = (verdict: (typeof judged)[number]["verdict"]) => [
    ...new Set(judged.filter((one) => one.verdict === verdict).map(({ measure }) => MEASURES[measure])),
  ];
  const results = [
    ["no trend in", named("no trend")],
    ["GROWING:", named("grows")],
    ["not judged, because other programs were busy:", named("too busy a machine")],
  ] as const;
  return [
    "`--endurance`",
    `${number(run.sockets)} sockets and ${run.eventsPerSecond} events a second for an hour: ${total("published")} events, ` +
      `${total("received")} frames, ${total("joins")} joins ([plot](../../../test/chaos/results/endurance-60min.svg))`,
    [
      ...results.flatMap(([text, names]) => (names.length > 0 ? [`${text} ${names.join(", ")}`] : [])),
      `${total("refused")} events refused`,
    ].join("; "),
  ];
}

const MEASURES = {
  memoryMB: "memory",
  descriptors: "descriptors",
  storageMB: "storage",
  cpuMsPerEvent: "processor time per event",
  p50: "median latency",
  p99: "99th percentile of latency",
};

function longRuns(): FailuresResult[] {
  const files = globSync("failures-*.json", { cwd: RESULTS }).sort();
  return files.map((file) => resultIn(file.slice(0, -".json".length), failuresResult));
}

function resultIn<T>(name: string, schema: z.ZodType<T>): T {
  return schema.parse(JSON.parse(readFileSync(join(RESULTS, `${name}.json`), "utf8")));
}

function linkOf({ text, file, test }: Found): string {
  const path = `test/${file}.test.ts`;
  const source = readFileSync(join(ROOT, path), "utf8");
  if (!source.includes(test)) throw new Error(`${path} has no test "${test}"`);
  return `[${text}](../../../${path})`;
}

const sum = (numbers: number[]): number => numbers.reduce((total, one) => total + one, 0);
const number = (value: number): string => value.toLocaleString("en-US");
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const violationsOf = (violations: string[]): string =>
  violations.length === 0 ? "no violation" : `${violations.length} VIOLATIONS`;
