import { type EventDraft, isAccepted } from "../service/publish.ts";
import { activeToken, useCredentials } from "../state/credentials.ts";
import { DISCOUNT_PERCENT, isReduced, priceChange, sale } from "../state/product-change.ts";
import { formatPrice, type Product } from "../state/products.ts";
import { lastCalls } from "../state/publisher.ts";
import { useChangeProduct, useShopFloor } from "../state/shop-floor.ts";
import { useStore } from "../state/store.ts";
import { ShopPane } from "./shop-pane.tsx";

const EXAMPLE: EventDraft = {
  type: "inventory_updated",
  data: { product_id: "p-42", sku: "MUG-BLUE", old_quantity: 10, new_quantity: 9 },
};

/** The shop's side: every button publishes one event. */
export function ShopFloor() {
  const products = useShopFloor();
  const credentials = useCredentials();
  const lastCall = useStore(lastCalls).products;
  return (
    <ShopPane
      // Without a token, the view itself asks for credentials.
      missing={!credentials.key && activeToken(credentials) ? "a publish key" : null}
      lastCall={lastCall}
      refusal={lastCall && !isAccepted(lastCall.response) ? lastCall.response : null}
      example={EXAMPLE}
    >
      <ul className="stock-list">
        {products.map((product) => (
          <StockRow key={product.id} product={product} />
        ))}
      </ul>
    </ShopPane>
  );
}

function StockRow({ product }: { product: Product }) {
  const { key } = useCredentials();
  const change = useChangeProduct();
  const { id, name, quantity, price } = product;
  const sell = quantity ? "Sell one" : "Restock";
  const discount = isReduced(product) ? "End sale" : `−${DISCOUNT_PERCENT}%`;
  const newPrice = priceChange(product);
  return (
    <li data-floor={id}>
      <span className="stock-name">{name}</span>
      <span className="stock-figures">
        {quantity ?? "—"} <span className="muted">· {formatPrice(price)}</span>
      </span>
      <button
        type="button"
        disabled={!key}
        onClick={() => void change(product, sale(product))}
        aria-label={`${sell}: ${name}`}
      >
        {sell}
      </button>
      <button
        type="button"
        disabled={!key || !newPrice}
        onClick={() => newPrice && void change(product, newPrice)}
        aria-label={`${discount}: ${name}`}
      >
        {discount}
      </button>
    </li>
  );
}
