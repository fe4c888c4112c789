import { startTidings, type Workerd } from "../workerd.ts";

/** Starts the service of `workers/mortal-shards.ts`. @param shards Those of each region. */
export function startMortalShards(shards: number | "auto", historyLimit = "20000"): Promise<Workerd> {
  // Tests set the clock forward, and clients of tests do not ping.
  const vars = { PRODUCTS_SHARDS: String(shards), HISTORY_LIMIT: historyLimit, IDLE_TIMEOUT_SECONDS: "86400" };
  return startTidings(vars, "test/support/workers/mortal-shards.ts");
}

/** Calls one of the paths that only tests have. */
export async function callTest(service: Workerd, path: string): Promise<string> {
  const response = await fetch(`${service.url}/test/${path}`);
  if (response.status !== 200) throw new Error(`/test/${path} was answered ${response.status}`);
  return response.text();
}

/** Returns the number of listeners of the root, or of the shards of a region. */
export function listenersAt(service: Workerd, names: readonly string[]): Promise<number[]> {
  return Promise.all(names.map(async (name) => Number(await callTest(service, `listeners?name=${name}`))));
}
