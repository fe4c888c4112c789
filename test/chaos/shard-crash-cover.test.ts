import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { Audience, eventsInTurn } from "../support/shards/audience.ts";
import { callTest, startMortalShards } from "../support/shards/mortal-service.ts";

const SEATS = 16;
/** How soon an event arrives although nothing else happens after the crash. */
const MAX_DELAY_MS = 120_000;

test.concurrent.each(["committed", "pushed", "taken"])(
  "the last event before a quiet night arrives within two minutes, although the root dies with its push %s",
  async (point) => {
    const service = await startMortalShards(4);
    const audience = new Audience(service.url);
    const seats = Array.from({ length: SEATS }, (_, i) => ({
      product: null,
      kind: "plain" as const,
      continent: "EU",
      user: `user-${i}`,
    }));
    await audience.seat(seats);
    await audience.publish(eventsInTurn(1, 1));
    await audience.settle();
    await callTest(service, `arm?point=${point}&victim=root`);
    const started = performance.now();
    const publishing = audience.publish(eventsInTurn(1, 1));
    await eventually(() => expect(service.log).toContain(`reached ${point}`));
    await publishing;
    await audience.settle(MAX_DELAY_MS);
    console.log(`${point}: arrived everywhere after ${Math.round((performance.now() - started) / 1000)} s`);
    // At shards that have not seen the crash, connections live on.
    expect(audience.lost).toBe(0);
    audience.close();
    await service.stop();
  },
);
