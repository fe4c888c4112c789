import { expect, test } from "vitest";
import { fuzzInProcess } from "./fuzz/fuzz.ts";
import { fuzzOverTheWire } from "./fuzz/over-the-wire.ts";
import { keepIfLong } from "./results.ts";

/** Inputs that are almost right, at every entrance. `npm run test:chaos -- --fuzz` has more than a million of them. */

const INPUTS = Number(process.env.FUZZ_INPUTS ?? 20_000);
const CALLS = Number(process.env.FUZZ_CALLS ?? 1500);
const SOCKETS = Number(process.env.FUZZ_SOCKETS ?? 150);
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

test(`${INPUTS} odd inputs are read or refused as documented, and quoted nowhere`, async () => {
  const results = await fuzzInProcess(INPUTS, SEED);
  const total = results.reduce((sum, { inputs }) => sum + inputs, 0);
  console.log(`seed ${SEED}, ${total} inputs at ${results.length} entrances`);
  expect(results.filter(({ failure }) => failure !== null)).toEqual([]);
  keepIfLong("fuzz", { seed: SEED, inputs: total, entrances: results.length });
});

test(`${CALLS} odd calls and ${SOCKETS} odd conversations get documented answers; no fault, no leak, no growth`, async () => {
  const { failures, messages, grownMB } = await fuzzOverTheWire(CALLS, SOCKETS, SEED);
  console.log(`seed ${SEED}, ${CALLS} calls, ${SOCKETS} sockets, ${messages} messages, memory grew by ${grownMB} MB`);
  expect(failures).toEqual([]);
  keepIfLong("fuzz", { calls: CALLS, sockets: SOCKETS, messages, grownMB });
});
