import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Results } from "./results.ts";
import { boundOf, format, machineInWords, versionsInWords } from "./table.ts";

/** The results of the last complete run, for the manual. */

const FOLDER = join(import.meta.dirname, "../results");
export const RESULTS = join(FOLDER, "bench.json");
/** The chart of the growth curves. */
export const GROWTH = join(FOLDER, "growth.svg");

export const readResults = (): Results => JSON.parse(readFileSync(RESULTS, "utf8"));

export const SPEED_HEADINGS = ["", "Tidings", "peer", "ratio", "budget"];

/** A row for each peer, with the measurement's title and the service's own figure in the first one. */
export function speedRows({ comparisons }: Results): string[][] {
  return comparisons.flatMap(({ title, unit, subject, peers }) =>
    peers.map((peer, i) => [
      i === 0 ? `${title}, ${unit}` : "",
      i === 0 ? format(subject.median) : "",
      `${peer.title}: ${format(peer.median)}`,
      format(peer.ratio),
      peer.budget ? `${boundOf(peer.budget)} ${peer.isMet ? "✓" : "✗"}` : "",
    ]),
  );
}

/** From this load on, other programs were running beside the benchmark. */
const BUSY_LOAD = 1;

/** A paragraph on where and when. */
export function speedOrigin({ date, machine, versions }: Results): string {
  const note =
    machine.loadBefore < BUSY_LOAD ? "" : " Other programs slowed all of them, so only the ratios mean much.";
  return `Measured on ${date.slice(0, 10)}: ${machineInWords(machine)}; ${versionsInWords(versions)}.${note}`;
}
