/** Orders whose channel fails (`workers/failing-orders.ts`), for the Worker and for the tests, which run in Node. */

export const FAILING_PREFIX = "fa11";

/** Requesting this path ends all failures. */
export const RECOVERY_PATH = "/test/recover";

/** @returns An order id whose channel fails. */
export const failingOrderId = () => `${FAILING_PREFIX}${crypto.randomUUID().slice(FAILING_PREFIX.length)}`;

/** The binding `FAIL_UNTIL` for failures that last as long as any test. */
export const FAIL_FOR_AN_HOUR = { FAIL_UNTIL: String(Date.now() + 3_600_000) };
