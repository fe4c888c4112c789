import type { Product } from "./products.ts";

/** The changes that the shop floor makes. Pure. */

/** A change of the stock or the price of a product. */
export type ProductChange = { quantity: number } | { price: number };

export const DISCOUNT_PERCENT = 10;
const RESTOCK_QUANTITY = 25;

/** Sells one item; restocks the product if it is sold out or its stock is unknown. */
export const sale = ({ quantity }: Product): ProductChange => ({
  quantity: quantity ? quantity - 1 : RESTOCK_QUANTITY,
});

/** Reduces the price, or restores the opening price if it was reduced. Returns null while the price is unknown. */
export function priceChange(product: Product): { price: number } | null {
  const { price } = product;
  if (price === null) return null;
  if (isReduced(product)) return { price: product.openingPrice };
  // To the cent.
  return { price: Math.round(price * (100 - DISCOUNT_PERCENT)) / 100 };
}

/** Whether a product costs less than before any event. */
export function isReduced(product: Product): product is Product & { price: number; openingPrice: number } {
  const { price, openingPrice } = product;
  return price !== null && openingPrice !== null && price < openingPrice;
}
