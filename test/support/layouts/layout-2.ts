import { productsTables as layout1, type StoredTable } from "./layout-1.ts";

/**
 * What the version after 0.1.0 stored for the products, as it wrote it: deleted products are known. Orders are as
 * before.
 */

/** @param ts When its events were accepted and product p-7 was deleted, in milliseconds since 1970. */
export function productsTables(ts: number): StoredTable[] {
  const time = new Date(ts).toISOString();
  const tables = layout1(ts).map(({ name, create, rows }) => ({ name, create, rows: [...rows] }));
  const rowsOf = (name: string) => tables.find((table) => table.name === name)?.rows ?? [];
  rowsOf("state").push({ name: "layout", value: "2" });
  rowsOf("log").push({
    seq: 2,
    id: "evt-4",
    ts,
    product: "p-7",
    request: '{"version":3,"order":null}',
    frame: `{"type":"product_deleted","data":{"product_id":"p-7"},"id":"evt-4","seq":2,"ts":"${time}"}`,
  });
  rowsOf("versions").push({ product: "p-7", version: 3 });
  const create = "CREATE TABLE gone (product TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID";
  return [...tables, { name: "gone", create, rows: [{ product: "p-7", at: ts }] }];
}

/** An event as that version of the service appends it. */
interface FormerEvent {
  seq: number;
  product: string;
  version: number;
  ts: number;
  isDeletion?: boolean;
  /** The row to rewrite, in a full history. */
  oldest?: number | undefined;
}

/** What that version of the service does to append an event: it knows no columns but these. */
export function appendStatements({ seq, product, version, ts, isDeletion = false, oldest }: FormerEvent): string[] {
  const type = isDeletion ? "product_deleted" : "product_updated";
  const time = new Date(ts).toISOString();
  const frame = `{"type":"${type}","data":{"product_id":"${product}"},"id":"former-${seq}","seq":${seq},"ts":"${time}"}`;
  const request = `{"version":${version},"order":null}`;
  return [
    oldest === undefined
      ? `INSERT INTO log (seq, id, ts, product, request, frame) VALUES (${seq}, 'former-${seq}', ${ts}, '${product}', '${request}', '${frame}')`
      : `UPDATE log SET seq = ${seq}, id = 'former-${seq}', ts = ${ts}, product = '${product}', request = '${request}', frame = '${frame}' WHERE seq = ${oldest}`,
    `INSERT OR REPLACE INTO versions (product, version) VALUES ('${product}', ${version})`,
    isDeletion
      ? `INSERT OR REPLACE INTO gone VALUES ('${product}', ${ts})`
      : `DELETE FROM gone WHERE product = '${product}'`,
  ];
}
