import { useEffect, useEffectEvent, useRef } from "react";
import { isAccepted } from "../service/publish.ts";
import { useConnections } from "../state/connections.tsx";
import { useCredentials } from "../state/credentials.ts";
import { drill } from "../state/drill.ts";
import { type ProductChange, priceChange, sale } from "../state/product-change.ts";
import type { Product } from "../state/products.ts";
import { useChangeProduct, useShopFloor } from "../state/shop-floor.ts";
import { Store, useStore } from "../state/store.ts";
import { storedText, storeText } from "../state/stored-text.ts";

const INTERVAL_MS = 1500;
const PRICE_CHANGE_SHARE = 0.2;
/** The shoppers stop by themselves, so that a forgotten tab does not publish forever. */
const MAX_PURCHASES = 400;

/** A page served by the developer's own computer may publish at once; elsewhere, real customers may be listening. */
const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

const STORAGE_KEY = "tidings-demo:shoppers";
const storedChoice = storedText("sessionStorage", STORAGE_KEY);

/** Kept outside the views, so that shoppers keep buying while the visitor looks at the charts. */
const isEnabled = new Store(storedChoice === null ? isLocal : storedChoice === "on");

/** Whether the page publishes by itself. */
export function useAreShoppersOn(): boolean {
  const isOn = useStore(isEnabled);
  return useCredentials().key !== "" && isOn;
}

/** Starts and pauses the shoppers. */
export function ShoppersSwitch() {
  const isOn = useAreShoppersOn();
  const { key } = useCredentials();
  return (
    <label className="switch">
      <input type="checkbox" checked={isOn} disabled={!key} onChange={({ target }) => choose(target.checked)} />
      Simulate shoppers
    </label>
  );
}

/** While enabled, changes a random product at regular intervals. Renders nothing. */
export function SimulatedShoppers() {
  const { isConnected } = useConnections().products;
  const floor = useShopFloor();
  const change = useChangeProduct();
  const areShoppersOn = useAreShoppersOn();
  const isOn = areShoppersOn && isConnected;
  const purchases = useRef(0);
  const buy = useEffectEvent(() => {
    const available = floor.filter(({ status }) => status === "active");
    const product = available[Math.floor(Math.random() * available.length)];
    // The drill publishes its own events.
    if (!product || document.hidden || drill.get().stage === "broken") return;
    if (++purchases.current > MAX_PURCHASES) isEnabled.set(false);
    // Repeating a refused call would only use up the limit for bad credentials.
    else void change(product, randomChange(product)).then((response) => isAccepted(response) || isEnabled.set(false));
  });
  useEffect(() => {
    // Reset only when switched off: a reset at each reconnect would let a forgotten tab publish forever.
    if (!areShoppersOn) purchases.current = 0;
  }, [areShoppersOn]);
  useEffect(() => {
    if (!isOn) return;
    buy();
    const timer = setInterval(buy, INTERVAL_MS);
    return () => clearInterval(timer);
  }, [isOn]);
  return null;
}

/** Switches the shoppers on or off. The choice lasts as long as the tab, as the credentials do. */
function choose(isOn: boolean): void {
  isEnabled.set(isOn);
  storeText("sessionStorage", STORAGE_KEY, isOn ? "on" : "off");
}

function randomChange(product: Product): ProductChange {
  return (Math.random() < PRICE_CHANGE_SHARE && priceChange(product)) || sale(product);
}
