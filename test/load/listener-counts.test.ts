import { afterEach, test, vi } from "vitest";
import { connectAndDisconnectAtRandom } from "../support/listener-counts-scenario.ts";
import { useRealPauses } from "../support/pauses.ts";

const SOCKETS = 2000;
const CHANNELS = 500;

afterEach(() => {
  vi.restoreAllMocks();
});

test(`health is right 5 s after ${SOCKETS} sockets over ${CHANNELS} channels connected and disconnected at random, with evictions and a deploy`, async () => {
  useRealPauses();
  await connectAndDisconnectAtRandom({ sockets: SOCKETS, channels: CHANNELS });
});
