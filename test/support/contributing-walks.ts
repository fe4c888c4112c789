/** The changes that the checklists of the manual's chapter "Contributing" ask for, each made once. */

export interface Edit {
  file: string;
  /** A line of the file. */
  after: string;
  insert: string;
}

/** By the checklist's title: what a contributor does who follows it. */
export const WALKS: Record<string, Edit[]> = {
  "Add an event type": [
    {
      file: "src/protocol/event-data.ts",
      after: "  product_deleted: AnyProductData;",
      insert: "  product_recalled: AnyProductData & { reason?: string | null | undefined };",
    },
    {
      file: "src/protocol/events.ts",
      after: "export const EVENTS = {",
      insert: `  product_recalled: {
    channel: "products",
    summary: "A product was recalled.",
    data: z.looseObject({ ...productData, reason: z.string().nullish() }),
    example: { product_id: "p-42", reason: "Loose handle", timestamp: EXAMPLE_TIME },
  },`,
    },
    { file: "src/sdk/hooks/views.ts", after: "    product_deleted: true,", insert: "    product_recalled: true," },
    {
      file: "test/browser/demo.test.ts",
      after: "  const APPEARS_AT: Record<EventType, [selector: string, text: string | null]> = {",
      insert: '    product_recalled: [\'[data-product="p-42"] h2\', "Blue mug"],',
    },
  ],
  "Add a close code": [
    { file: "src/protocol/close-rules.ts", after: '  4110: "too_many_connections",', insert: '  4111: "too_curious",' },
    {
      file: "src/protocol/close-codes.ts",
      after: "export const CLOSE_CODES: Record<CloseCode, CloseCodeRow> = {",
      insert: `  4111: {
    meaning: "The client asked for too much.",
    remedy: "Ask for less.",
  },`,
    },
    {
      file: "src/protocol/refusals.ts",
      after: '  too_slow: { status: null, close: 4108, title: "Too slow" },',
      insert: '  too_curious: { status: null, close: 4111, title: "Too curious" },',
    },
  ],
  "Add a metric": [
    {
      file: "src/telemetry/metrics.ts",
      after: "export const METRICS = {",
      insert: '  tidings_tickets_issued_total: { type: "counter", labels: [], help: "Tickets issued to guests." },',
    },
    {
      file: "src/telemetry/known-series.ts",
      after: "    tidings_dead_letters_total: [[]],",
      insert: "    tidings_tickets_issued_total: [[]],",
    },
    {
      file: "src/telemetry/record.ts",
      after: "// Refusals and faults",
      insert: `
/** Counts a ticket. */
export function recordTicket(counters: Counters): void {
  counters.count("tidings_tickets_issued_total", {});
}`,
    },
    {
      file: "src/telemetry/grafana-dashboard.json",
      after: '          "expr": "sum by (where) (rate(tidings_errors_total[$__rate_interval]))",',
      insert: `          "legendFormat": "{{where}}"
        },
        {
          "refId": "B",
          "expr": "rate(tidings_tickets_issued_total[$__rate_interval])",`,
    },
    {
      file: "test/spec/metrics.test.ts",
      after: "const CAUSES: Record<Exclude<MetricName, OfRedis | OfLosses>, Cause> = {",
      insert: `  tidings_tickets_issued_total: {
    what: "a service requests a ticket",
    labels: {},
    happens: async () => serviceRequest("POST", \`/api/v1/orders/\${await registerOrder()}/tickets\`, {}),
    by: 1,
  },`,
    },
  ],
  "Add a setting": [
    {
      file: "wrangler.toml",
      after: 'RATE_LIMITS = "on"',
      insert: '\n# How long a guest waits for tea.\nTEA_SECONDS = "180"',
    },
    {
      file: "src/config/schema.ts",
      after: "  IDLE_TIMEOUT_SECONDS: integer(600, 60, DAY_SECONDS),",
      insert: "  TEA_SECONDS: integer(180, 1, 3600),",
    },
    {
      file: "src/config/config.ts",
      after: "    idleTimeoutMs: settings.IDLE_TIMEOUT_SECONDS * 1000,",
      insert: "    /** How long tea takes. */\n    teaMs: settings.TEA_SECONDS * 1000,",
    },
    {
      file: "test/unit/config/config.test.ts",
      after: "      idleTimeoutMs: 600_000,",
      insert: "      teaMs: 180_000,",
    },
  ],
};
