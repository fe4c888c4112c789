/**
 * The profile of timestamps in events: RFC 3339, and the forms that Python, Java, JavaScript, .NET and PostgreSQL write by
 * default where they differ from it. Listeners receive the text as it was published.
 */

const DATE = "(\\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])";
/** Java leaves out seconds that are 0. Nanoseconds are Java's; .NET writes 7 digits, Python and PostgreSQL 6. */
const TIME = "([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d(\\.\\d{1,9})?)?";
/** PostgreSQL writes `+00`; Jackson before 2.11 and PHP's `DATE_ISO8601` write `+0000`; Python and .NET may write none. */
const OFFSET = "([Zz]|[+-]([01]\\d|2[0-3])(:?[0-5]\\d)?)?";

/** The profile as a regular expression, for documents. It does not check the length of a month. */
export const TIMESTAMP_PATTERN = `^${DATE}[Tt ]${TIME}${OFFSET}$`;
export const TIMESTAMP_RULE =
  "must be a date and time as in RFC 3339, such as 2026-11-22T10:15:30.123Z; a space may stand for T, seconds and offset may be missing, and the offset may be +00 or +0000";

const TIMESTAMP = new RegExp(TIMESTAMP_PATTERN);

/**
 * Returns whether a text is a timestamp (`TIMESTAMP_RULE`). RFC 3339 has no 24:00, decimal comma, zone name or year beyond
 * 9999. Its leap seconds are refused because a browser's `Date` cannot hold them.
 */
export function isTimestamp(text: string): boolean {
  const [, year, month, day] = (TIMESTAMP.exec(text) ?? []).map(Number);
  return year !== undefined && month !== undefined && day !== undefined && day <= daysIn(year, month);
}

/** The calendar repeats every 400 years; `Date.UTC` maps years below 100 to the 20th century. */
const daysIn = (year: number, month: number) => new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
