import type { ProductMap } from "../../../../sdk/hooks/react.ts";
import type { EventDraft, ServiceResponse } from "../service/publish.ts";
import { useConnections } from "./connections.tsx";
import type { ProductChange } from "./product-change.ts";
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
  useStore(book);
  return onShopFloor(products);
}

/** Returns the products of `useShopFloor`. @param updates What the customer has received. */
export function onShopFloor(updates: ProductMap): Product[] {
  const entries = book.get();
  return currentProducts(updates).map((product) => {
    const entry = entries.get(product.id);
    const received = updates.get(product.id)?.lastEvent.seq ?? 0;
    return entry && entry.seq > received ? { ...product, quantity: entry.quantity, price: entry.price } : product;
  });
}

/** Returns a function that changes a product and publishes the change. */
export function useChangeProduct(): (product: Product, change: ProductChange) => Promise<ServiceResponse> {
  const publish = usePublish();
  return (product, change) => changeProduct(publish, product, change);
}

/** Changes a product in the book, and publishes the change. */
export async function changeProduct(
  publish: (draft: EventDraft) => Promise<ServiceResponse>,
  product: Product,
  change: ProductChange,
): Promise<ServiceResponse> {
  const { id, quantity, price } = product;
  const before = book.get().get(id);
  const entry = { quantity, price, ...change, seq: Number.POSITIVE_INFINITY };
  book.set(new Map(book.get()).set(id, entry));
  const response = await publish(draftOf(product, change));
  // A later change of the product stays.
  if (book.get().get(id) !== entry) return response;
  const entries = new Map(book.get());
  const { seq } = response.body;
  if (typeof seq === "number") entries.set(id, { ...entry, seq });
  // The service refused the change, so the last one that it acknowledged still holds.
  else if (before && Number.isFinite(before.seq)) entries.set(id, before);
  else entries.delete(id);
  book.set(entries);
  return response;
}

function draftOf({ id, sku, name, quantity, price }: Product, change: ProductChange): EventDraft {
  const about = { product_id: id, sku, name };
  return "quantity" in change
    ? { type: "inventory_updated", data: { ...about, old_quantity: quantity, new_quantity: change.quantity } }
    : { type: "price_updated", data: { ...about, old_price: price, new_price: change.price } };
}
