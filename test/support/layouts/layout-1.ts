/**
 * What version 0.1.0 stored for an order and for the products, as it wrote it, and the attachment of a listener's socket.
 * A layout that has been deployed is never edited here; a new one gets a file of its own.
 */

const STATE = "CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID";
const LOG =
  "CREATE TABLE log (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, ts INTEGER NOT NULL, product TEXT, request TEXT, frame TEXT NOT NULL)";
const VERSIONS = "CREATE TABLE versions (product TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID";

type Row = Record<string, string | number | null>;

export interface StoredTable {
  name: string;
  create: string;
  rows: Row[];
}

/** @param ts When its events were accepted, in milliseconds since 1970. */
export function orderTables(orderId: string, ts: number): StoredTable[] {
  const time = new Date(ts).toISOString();
  return [
    {
      name: "state",
      create: STATE,
      rows: [
        { name: "channel", value: `{"epoch":"8291c508","base":0,"since":${ts}}` },
        {
          name: "order",
          value:
            '{"user_id":"alice","status":"shipped","payment_status":"paid","version":2,"ended_at":null,"ticket_series":"9fc01a82-50f9-4116-973b-bc6631b5a583"}',
        },
      ],
    },
    {
      name: "log",
      create: LOG,
      rows: [
        {
          seq: 1,
          id: "evt-1",
          ts,
          product: null,
          request: '{"version":1,"order":null}',
          frame: `{"type":"order_status_changed","data":{"new_status":"processing","order_id":"${orderId}"},"id":"evt-1","seq":1,"ts":"${time}"}`,
        },
        {
          seq: 2,
          id: "evt-2",
          ts,
          product: null,
          request: '{"version":2,"order":{"user_id":"alice","status":"packed","payment_status":"paid"}}',
          frame: `{"type":"order_shipped","data":{"carrier":"UPS","order_id":"${orderId}"},"id":"evt-2","seq":2,"ts":"${time}"}`,
        },
      ],
    },
  ];
}

export function productsTables(ts: number): StoredTable[] {
  const time = new Date(ts).toISOString();
  return [
    { name: "state", create: STATE, rows: [{ name: "channel", value: `{"epoch":"b881a281","base":0,"since":${ts}}` }] },
    {
      name: "log",
      create: LOG,
      rows: [
        {
          seq: 1,
          id: "evt-3",
          ts,
          product: "p-42",
          request: '{"version":7,"order":null}',
          frame: `{"type":"inventory_updated","data":{"product_id":"p-42","new_quantity":5},"id":"evt-3","seq":1,"ts":"${time}"}`,
        },
      ],
    },
    { name: "versions", create: VERSIONS, rows: [{ product: "p-42", version: 7 }] },
  ];
}

/** @param expiresAt When the listener's token expires, in milliseconds since 1970. */
export function attachment(orderId: string | null, expiresAt: number): Record<string, unknown> {
  return {
    subject: orderId === null ? "alice" : "ticket:1",
    isAdmin: false,
    expiresAt,
    orderId,
    speaksV1: false,
    products: null,
    connectedAt: 1795645147261,
    seenAt: 1795645147261,
    isWarned: false,
    requestId: "fc3270db-c943-468b-9409-464ad1654735",
    series: orderId === null ? null : "9fc01a82-50f9-4116-973b-bc6631b5a583",
    allowance: 20,
  };
}

/** The statements that leave of a later version's storage what version 0.1.0 would have stored, by kind of channel. */
export const REDUCTIONS = {
  order: [
    "UPDATE state SET value = json_remove(value, '$.tracking_number', '$.carrier', '$.changed_at') WHERE name = 'order'",
  ],
  products: [
    "DELETE FROM state WHERE name NOT IN ('channel', 'order')",
    "UPDATE state SET value = json_remove(value, '$.chainedAfter') WHERE name = 'channel'",
    "ALTER TABLE log DROP COLUMN prev",
    "DELETE FROM versions WHERE version < 0",
    "ALTER TABLE versions DROP COLUMN seq",
    "ALTER TABLE versions DROP COLUMN gone_at",
    "DROP TABLE gone",
    "DROP TABLE chunks",
  ],
};
