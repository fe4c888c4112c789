import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isTimestamp } from "../../../src/protocol/timestamp.ts";

/** What programs write by default, and RFC 3339. */
const ACCEPTED: Record<string, string[]> = {
  "RFC 3339": [
    "1985-04-12T23:20:50.52Z",
    "1996-12-19T16:39:57-08:00",
    "2026-11-22t10:15:30z",
    "2026-11-22T10:15:30-00:00",
  ],
  "Python, isoformat": [
    "2026-11-22T10:15:30.123456",
    "2026-11-22T10:15:30",
    "2026-11-22T10:15:30.123456+00:00",
    "2026-11-22T10:15:30+05:30",
  ],
  "Python, str": ["2026-11-22 10:15:30.123456", "2026-11-22 10:15:30+00:00"],
  "Java, Instant": ["2026-11-22T10:15:00Z", "2026-11-22T10:15:30.123Z", "2026-11-22T10:15:30.123456789Z"],
  "Java, OffsetDateTime": ["2026-11-22T10:15Z", "2026-11-22T10:15+01:00", "2026-11-22T10:15:30.123456789-03:30"],
  "Java, LocalDateTime": ["2026-11-22T10:15", "2026-11-22T10:15:30.5"],
  "Java, Jackson's java.util.Date": ["2026-11-22T10:15:30.123+00:00", "2026-11-22T10:15:30.123+0000"],
  "JavaScript, toISOString": ["2026-11-22T10:15:30.123Z"],
  ".NET, System.Text.Json and O": [
    "2026-11-22T10:15:30.1234567Z",
    "2026-11-22T10:15:30.1234567+01:00",
    "2026-11-22T10:15:30.1234567",
    "2026-11-22T10:15:30+01:00",
  ],
  "PostgreSQL, timestamptz": ["2026-11-22 10:15:00+00", "2026-11-22 10:15:30.123456+05:30", "2026-11-22 10:15:00-03"],
  "PostgreSQL, timestamp and to_json": ["2026-11-22 10:15:00", "2026-11-22T10:15:30.12+00:00"],
  "Go, RFC3339Nano": ["2026-11-22T10:15:30.123456789+01:00"],
  "PHP, DATE_ATOM and DATE_ISO8601": ["2026-11-22T10:15:30+00:00", "2026-11-22T10:15:30+0000"],
};

const REFUSED: Record<string, string[]> = {
  "a decimal comma": ["2026-11-22T10:15:30,123Z"],
  "a leap second": ["2016-12-31T23:59:60Z"],
  "24:00": ["2026-11-22T24:00:00Z"],
  "a year with a sign or more than four digits": [
    "+012026-11-22T10:15:30Z",
    "-000001-01-01T00:00:00Z",
    "12026-11-22T10:15Z",
  ],
  "a date alone, or a time": ["2026-11-22", "10:15:30Z"],
  "the basic format": ["20261122T101530Z", "2026-11-22T101530Z"],
  "a week or a day of the year": ["2026-W47-7T10:15Z", "2026-326T10:15Z"],
  "the name of a zone": [
    "2026-11-22T10:15:30+01:00[Europe/Paris]",
    "2026-11-22 10:15:30 UTC",
    "2026-11-22T10:15:30 CET",
  ],
  "an offset that is none": ["2026-11-22T10:15:30+24:00", "2026-11-22T10:15:30+1", "2026-11-22T10:15:30+05:53:28"],
  "a blank before the offset": ["2026-11-22 10:15:30 +0000"],
  "a point without digits, or more than nine": ["2026-11-22T10:15:30.Z", "2026-11-22T10:15:30.1234567890Z"],
  "other formats": ["Sun, 22 Nov 2026 10:15:30 GMT", "1795342530", "yesterday", "infinity", ""],
  "blanks around it": [" 2026-11-22T10:15Z", "2026-11-22T10:15Z\n"],
  "days that do not exist": [
    "2026-02-29T10:15Z",
    "2026-04-31T10:15Z",
    "1900-02-29T10:15Z",
    "2026-13-01T10:15Z",
    "2026-11-00T10:15Z",
  ],
};

describe("a timestamp may be what is written by", () => {
  test.each(Object.entries(ACCEPTED))("%s", (_, texts) => {
    for (const text of texts) expect(isTimestamp(text), text).toBe(true);
  });
});

describe("a timestamp is refused for", () => {
  test.each(Object.entries(REFUSED))("%s", (_, texts) => {
    for (const text of texts) expect(isTimestamp(text), text).toBe(false);
  });
});

test("every moment from year 0 to 9999 is one as JavaScript writes it, and the day of a leap year as well", () => {
  const noInvalidDate = {
    min: new Date("0000-01-01T00:00:00Z"),
    max: new Date("9999-12-31T23:59:59Z"),
    noInvalidDate: true,
  };
  fc.assert(fc.property(fc.date(noInvalidDate), (date) => isTimestamp(date.toISOString())));
  for (const year of ["0000", "2000", "2028"]) expect(isTimestamp(`${year}-02-29T10:15Z`)).toBe(true);
});
