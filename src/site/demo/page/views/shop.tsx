import { type ReactNode, useState } from "react";
import type { ProductUpdates } from "../../../../sdk/hooks/react.ts";
import { ConnectionProblem, NoTokenNote } from "../components/connection-status.tsx";
import { CustomerPane, LatestEvents } from "../components/customer-pane.tsx";
import { ReliabilityDrill } from "../components/drill.tsx";
import { Icon, isIconName } from "../components/icon.tsx";
import { ShopFloor } from "../components/shop-floor.tsx";
import { ShoppersSwitch } from "../components/shoppers.tsx";
import { useConnections } from "../state/connections.tsx";
import { currentProducts, formatPrice, type Product } from "../state/products.ts";
import { EARLIER_EVENTS } from "../state/starting-position.ts";
import { useStore } from "../state/store.ts";

const LOW_STOCK = 5;
const MAX_NAMED_PRODUCTS = 3;

/** The shop floor publishes, the customer's page shows it, and the drill breaks the connection between them. */
export function ShopView() {
  return (
    <>
      <div className="view-head">
        <h1>Shop</h1>
        <ShoppersSwitch />
      </div>
      <p className="lead">What happens on the shop floor is on the customer's screen milliseconds later.</p>
      <NoTokenNote />
      <ReliabilityDrill />
      <div className="panes">
        <ShopFloor />
        <CustomerProducts />
      </div>
    </>
  );
}

/** Products with live stock and prices: `useProductUpdates` on top of data from the shop's own API. */
function CustomerProducts() {
  const { products: updates, productsLog } = useConnections();
  const { events } = useStore(productsLog);
  const newSince = useNewSince(updates);
  const products = currentProducts(updates.products);
  return (
    <CustomerPane updates={updates}>
      <ConnectionProblem updates={updates} />
      <ul className="products">
        {products.map((product) => (
          <ProductCard key={product.id} product={product} newSince={newSince} />
        ))}
      </ul>
      <LatestEvents events={events} />
      <OpeningNote products={products} />
    </CustomerPane>
  );
}

/** Names the products whose values may be old, because the page loads only the last `EARLIER_EVENTS` events. */
function OpeningNote({ products }: { products: readonly Product[] }) {
  const { position } = useStore(useConnections().productsLog);
  const unknown = products.filter(({ hasOpeningValue }) => hasOpeningValue);
  if (!position || position.seq <= EARLIER_EVENTS || unknown.length === 0) return null;
  return (
    <p className="hint">
      This page reads the last {EARLIER_EVENTS} events, which do not report both stock and price of{" "}
      {unknown.length <= MAX_NAMED_PRODUCTS ? unknown.map(({ name }) => name).join(", ") : `${unknown.length} products`}
      . Values that they do not report come from the opening catalogue; a real shop loads them from its own database.
    </p>
  );
}

function ProductCard({ product, newSince }: { product: Product; newSince: number }) {
  const { id, name, quantity, price, status, lastChange } = product;
  const stock = stockText(quantity);
  const changeOf = (field: "price" | "quantity") => (lastChange?.field === field ? lastChange : null);
  return (
    <li className="product" data-product={id} data-is-off={status !== "active" || undefined}>
      <div className="picture">
        <Icon name={isIconName(id) ? id : "box"} />
      </div>
      <h3 title={name}>{name}</h3>
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
  const classes = change && [change.direction && `went-${change.direction}`, change.seq > newSince && "is-new"];
  return (
    <strong key={change?.seq ?? 0} data-value={field} className={classes?.filter(Boolean).join(" ")}>
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
