import { useEffect, useRef } from "react";
import type { ChannelLog } from "./channel-log.ts";
import { credentials } from "./credentials.ts";
import { useLive } from "./live.tsx";
import { boardOf, type Product } from "./products.ts";
import { publish } from "./publish.ts";
import { Store, useStore } from "./store.ts";

/** Somebody buys something so often. */
const SHOPPER_MS = 700;
const RESTOCK_QUANTITY = 25;

/** Whether there are any; they stay when the view changes, so that charts have something to show. */
const areThere = new Store(false);

/** Sells one piece of a product, as the shop's backend would say it; who sold out restocks. */
export async function sellOne({ id, sku, quantity }: Product, key: string, log: ChannelLog): Promise<void> {
  const old = quantity ?? 0;
  const data = { product_id: id, sku, old_quantity: old, new_quantity: old > 0 ? old - 1 : RESTOCK_QUANTITY };
  const { body } = await publish({ type: "inventory_updated", data }, "", key);
  if (typeof body.seq === "number") log.knows(body.seq);
}

export function ShoppersSwitch() {
  const isOn = useStore(areThere);
  const { key } = useStore(credentials);
  return (
    <label className="switch">
      <input
        type="checkbox"
        checked={isOn && key !== ""}
        disabled={!key}
        onChange={({ target }) => areThere.set(target.checked)}
      />
      Shoppers buy at random
    </label>
  );
}

/** Lets something be bought now and then. */
export function Shoppers() {
  const { products, productsLog } = useLive();
  const { key } = useStore(credentials);
  const isOn = useStore(areThere) && key !== "";
  const sell = useRef(() => {});
  useEffect(() => {
    const board = boardOf(products.products);
    sell.current = () => {
      const product = board[Math.floor(Math.random() * board.length)];
      if (product) void sellOne(product, key, productsLog);
    };
  });
  useEffect(() => {
    if (!isOn) return;
    const timer = setInterval(() => sell.current(), SHOPPER_MS);
    return () => clearInterval(timer);
  }, [isOn]);
  return null;
}
