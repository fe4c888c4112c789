import { useEffect, useRef } from "react";
import { publishEvent } from "../service/publish.ts";
import type { ChannelLog } from "../state/channel-log.ts";
import { useConnections } from "../state/connections.tsx";
import { useCredentials } from "../state/credentials.ts";
import { currentProducts, type Product } from "../state/products.ts";
import { Store, useStore } from "../state/store.ts";

const PURCHASE_INTERVAL_MS = 700;
const RESTOCK_QUANTITY = 25;

/** Kept outside the views, so that shoppers keep buying while the visitor looks at the charts. */
const isEnabled = new Store(false);

/** Publishes the sale of one item, as the shop's backend would. Restocks the product if it is sold out. */
export async function sellOne({ id, sku, quantity }: Product, key: string, log: ChannelLog): Promise<void> {
  const old = quantity ?? 0;
  const data = { product_id: id, sku, old_quantity: old, new_quantity: old > 0 ? old - 1 : RESTOCK_QUANTITY };
  const { body } = await publishEvent({ type: "inventory_updated", data }, "", key);
  if (typeof body.seq === "number") log.expectUpTo(body.seq);
}

export function ShoppersSwitch() {
  const isOn = useStore(isEnabled);
  const { key } = useCredentials();
  return (
    <label className="switch">
      <input
        type="checkbox"
        checked={isOn && key !== ""}
        disabled={!key}
        onChange={({ target }) => isEnabled.set(target.checked)}
      />
      Simulate shoppers
    </label>
  );
}

/** While enabled, sells a random product at regular intervals. Renders nothing. */
export function SimulatedShoppers() {
  const { products, productsLog } = useConnections();
  const { key } = useCredentials();
  const isOn = useStore(isEnabled) && key !== "";
  const buy = useRef(() => {});
  useEffect(() => {
    const available = currentProducts(products.products);
    buy.current = () => {
      const product = available[Math.floor(Math.random() * available.length)];
      if (product) void sellOne(product, key, productsLog);
    };
  });
  useEffect(() => {
    if (!isOn) return;
    const timer = setInterval(() => buy.current(), PURCHASE_INTERVAL_MS);
    return () => clearInterval(timer);
  }, [isOn]);
  return null;
}
