import { useCallback } from "react";
import type { ProductMap } from "../../../../sdk/hooks/react.ts";
import type { EventDraft, ServiceResponse } from "../service/publish.ts";
import { useConnections } from "./connections.tsx";
import { currentProducts, type Product } from "./products.ts";
import { usePublish } from "./publisher.ts";
import { Store, useStore } from "./store.ts";

/**
 * What the shop's own database would hold: the stock and prices that the shop floor has set. They differ from what the
 * customer sees while the customer is disconnected.
 */

interface StockEntry {
  quantity: number | null;
  price: number | null;
  /** Position of the last change; infinite until the service has acknowledged it. */
  seq: number;
}

const book = new Store<ReadonlyMap<string, StockEntry>>(new Map());

/** Returns the products as the shop floor knows them: its own changes, and later events of other publishers. */
export function useShopFloor(): Product[] {
  const { products } = useConnections().products;
  return onShopFloor(products, useStore(book));
}

function onShopFloor(updates: ProductMap, entries: ReadonlyMap<string, StockEntry>): Product[] {
  return currentProducts(updates).map((product) => {
    const entry = entries.get(product.id);
    const received = updates.get(product.id)?.lastEvent.seq ?? 0;
    return entry && entry.seq > received ? { ...product, quantity: entry.quantity, price: entry.price } : product;
  });
}

/** A change of the stock or the price of a product. */
export type ProductChange = { quantity: number } | { price: number };

/** Returns a function that changes a product and publishes the change. */
export function useChangeProduct(): (product: Product, change: ProductChange) => Promise<ServiceResponse> {
  const publish = usePublish();
  return useCallback(
    async (product, change) => {
      const { id, quantity, price } = product;
      const entry = { quantity, price, ...change, seq: Number.POSITIVE_INFINITY };
      book.set(new Map(book.get()).set(id, entry));
      const response = await publish(draftOf(product, change));
      // A later change of the product stays.
      if (book.get().get(id) !== entry) return response;
      const entries = new Map(book.get());
      const { seq } = response.body;
      if (typeof seq === "number") entries.set(id, { ...entry, seq });
      else entries.delete(id);
      book.set(entries);
      return response;
    },
    [publish],
  );
}

function draftOf({ id, sku, name, quantity, price }: Product, change: ProductChange): EventDraft {
  const about = { product_id: id, sku, name };
  return "quantity" in change
    ? { type: "inventory_updated", data: { ...about, old_quantity: quantity, new_quantity: change.quantity } }
    : { type: "price_updated", data: { ...about, old_price: price, new_price: change.price } };
}

const RESTOCK_QUANTITY = 25;
const PRICE_STEP = 0.1;

/** Sells one item; restocks the product if it is sold out. */
export const sale = ({ quantity }: Product): ProductChange => ({
  quantity: quantity ? quantity - 1 : RESTOCK_QUANTITY,
});

/** Takes a tenth off the price, or puts it back to the opening price if it was reduced. */
export function priceChange({ price, openingPrice }: Product): ProductChange {
  const opening = openingPrice ?? price ?? 0;
  const isReduced = price !== null && price < opening;
  return { price: isReduced ? opening : Math.round((price ?? 0) * (1 - PRICE_STEP) * 100) / 100 };
}
