import { MAX_FILTER_PRODUCTS, MAX_FILTER_UNITS } from "./frames.ts";
import { MAX_PRODUCT_ID_LENGTH } from "./names.ts";

/**
 * The product filter in the URL: `?product_id=a,b`, `?product_id=a&product_id=b`, or both. Commas separate ids before
 * they are percent-decoded, so an id may contain any character: `?product_id=SKU%2C1` is the one id `SKU,1`.
 */

/** Either half of "product", as in `productId` and `porduct_id`. Ignoring it would deliver the events of all products. */
const MISSPELT_PARAMETER = /prod|uct/i;
/** Counts code points, as the schemas of events and messages do. */
const isProductId = (id: string) => id !== "" && [...id].length <= MAX_PRODUCT_ID_LENGTH;

/** Returns whether a filter is within its limits: the number of its ids, and their size together. */
export function isFilterWithinLimits(ids: readonly string[]): boolean {
  return ids.length <= MAX_FILTER_PRODUCTS && ids.join("").length <= MAX_FILTER_UNITS;
}

/** Returns the URL parameter of a filter with at least one product. */
export function encodeProductFilter(ids: readonly string[]): string {
  return `product_id=${ids.map(encodeURIComponent)}`;
}

/**
 * Parses the product filter of a URL.
 * @param search The URL's query, still encoded, with or without `?`.
 * @returns The ids; null without a filter; `invalid` for anything malformed or beyond the limits, and for a parameter
 * that looks like a misspelt one.
 */
export function parseProductFilter(search: string): string[] | null | "invalid" {
  const lists: string[] = [];
  // Forms and `URLSearchParams` write a space as `+`.
  for (const parameter of search.replace(/^\?/, "").replaceAll("+", " ").split("&")) {
    const [encodedName = "", ...value] = parameter.split("=");
    const name = decode(encodedName) ?? encodedName;
    if (name === "product_id") lists.push(value.join("="));
    else if (MISSPELT_PARAMETER.test(name)) return "invalid";
  }
  return lists.length === 0 ? null : parseProductList(lists.join());
}

/** Parses a list of ids that are separated by commas and percent-encoded. */
export function parseProductList(list: string): string[] | "invalid" {
  const ids = [...new Set(list.split(",").map((id) => decode(id) ?? ""))];
  return isFilterWithinLimits(ids) && ids.every(isProductId) ? ids : "invalid";
}

/** Percent-decodes a text. Returns null if its encoding is malformed. */
function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
