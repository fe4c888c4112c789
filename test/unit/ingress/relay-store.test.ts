import { expect, test } from "vitest";
import { RelayStore } from "../../../src/ingress/redis/relay-store.ts";

/** Storage with the key-value part only; the tables are tested with a real Redis (`test/chaos`). */
function storageWith(stored: unknown): { storage: DurableObjectStorage; kv: Map<string, unknown> } {
  const kv = new Map([["state", stored]]);
  const storage = {
    kv: { get: (key: string) => kv.get(key), put: (key: string, value: unknown) => kv.set(key, value) },
    sql: { exec: () => {} },
  };
  return { storage: storage as unknown as DurableObjectStorage, kv };
}

/** As versions have stored it from the first one on. */
const STORED = {
  id: "5-0",
  added: 3,
  syncToken: "token",
  nextRow: 8,
  untrimmed: 2,
  gaps: 1,
  deadLetters: 4,
  untoldGapAt: 1700,
};

test("the relay's state keeps its stored form, so another version can read it", () => {
  const { storage, kv } = storageWith(STORED);
  const store = new RelayStore(storage);
  expect(store.state).toMatchObject({ cursor: "5-0", entriesAdded: 3, pendingGapAt: 1700, deadLetters: 4 });
  store.update({ cursor: "6-0", pendingGapAt: null });
  expect(kv.get("state")).toEqual({ ...STORED, id: "6-0", untoldGapAt: null });
});

test("a relay without stored state starts at the beginning of the stream", () => {
  for (const stored of [undefined, "unreadable"]) {
    expect(new RelayStore(storageWith(stored).storage).state).toMatchObject({ cursor: "0-0", entriesAdded: null });
  }
});
