import { type ReactNode, useState } from "react";
import type { ProductUpdates } from "../../../../sdk/hooks/react.ts";
import { ConnectionProblem, NoTokenNote } from "../components/connection-status.tsx";
import { Icon, isIconName } from "../components/icon.tsx";
import { ShoppersSwitch, sellOne } from "../components/shoppers.tsx";
import { useConnections } from "../state/connections.tsx";
import { activeToken, useCredentials } from "../state/credentials.ts";
import { currentProducts, formatPrice, type Product } from "../state/products.ts";

const LOW_STOCK = 5;

/** Products with live stock and prices: `useProductUpdates` on top of data from the shop's own API. */
export function ShopView() {
  const { products: updates, productsLog } = useConnections();
  const credentials = useCredentials();
  const newSince = useNewSince(updates);
  return (
    <>
      <div className="view-head">
        <h1>Shop</h1>
        <ShoppersSwitch />
      </div>
      <p className="lead">
        Stock and prices update as events arrive. Open this page in a second window, or publish from a shell: every
        window shows the same state.
      </p>
      {!activeToken(credentials) && <NoTokenNote />}
      <ConnectionProblem updates={updates} />
      <ul className="products">
        {currentProducts(updates.products).map((product) => (
          <ProductCard
            key={product.id}
            product={product}
            newSince={newSince}
            onSell={credentials.key ? () => sellOne(product, credentials.key, productsLog) : undefined}
          />
        ))}
      </ul>
    </>
  );
}

interface ProductCardProps {
  product: Product;
  newSince: number;
  onSell: (() => void) | undefined;
}

function ProductCard({ product, newSince, onSell }: ProductCardProps) {
  const { id, sku, name, quantity, price, status, lastChange } = product;
  const stock = stockText(quantity);
  const action = quantity === 0 ? "Restock" : "Sell one";
  const changeOf = (field: "price" | "quantity") => (lastChange?.field === field ? lastChange : null);
  return (
    <li className="card product" data-product={id} data-is-off={status !== "active" || undefined}>
      <div className="picture">
        <Icon name={isIconName(id) ? id : "box"} />
      </div>
      <div className="title">
        <h2 title={name}>{name}</h2>
        <p className="muted">
          <code>{sku ?? id}</code>
        </p>
      </div>
      <p className="price">
        <LiveValue field="price" change={changeOf("price")} newSince={newSince}>
          {formatPrice(price)}
        </LiveValue>
      </p>
      <p className="stock" data-stock={stock}>
        <LiveValue field="quantity" change={changeOf("quantity")} newSince={newSince}>
          {quantity ?? "—"}
        </LiveValue>{" "}
        <span className="muted">{status === "active" ? stock : status}</span>
      </p>
      <button type="button" onClick={onSell} disabled={!onSell} aria-label={`${action}: ${name}`}>
        {action}
      </button>
    </li>
  );
}

function stockText(quantity: number | null): string {
  if (quantity === null) return "stock unknown";
  if (quantity === 0) return "sold out";
  return quantity <= LOW_STOCK ? "low stock" : "in stock";
}

interface LiveValueProps {
  field: "price" | "quantity";
  change: Product["lastChange"];
  newSince: number;
  children: ReactNode;
}

/** A value that flashes when an event changes it. A new `key` for each change restarts the animation. */
function LiveValue({ field, change, newSince, children }: LiveValueProps) {
  const direction = change?.isUp ? "went-up" : "went-down";
  const newness = change && change.seq > newSince ? "is-new" : "";
  return (
    <strong key={change?.seq ?? 0} data-value={field} className={change ? `${direction} ${newness}` : undefined}>
      {children}
    </strong>
  );
}

/** Returns the `seq` after which events are new: changes from before the view was opened must not flash. */
function useNewSince({ isConnected, lastEvent }: ProductUpdates): number {
  const [since, setSince] = useState<number | null>(null);
  if (since === null && isConnected) setSince(lastEvent?.seq ?? 0);
  return since ?? Number.POSITIVE_INFINITY;
}
