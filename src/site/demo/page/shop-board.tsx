import { type ReactNode, useState } from "react";
import type { ProductUpdates } from "../../../sdk/hooks/react.ts";
import { credentials, tokenOf } from "./credentials.ts";
import { Icon, isIconName } from "./icon.tsx";
import { useLive } from "./live.tsx";
import { boardOf, type Product, priceText } from "./products.ts";
import { ShoppersSwitch, sellOne } from "./shoppers.tsx";
import { Trouble } from "./status.tsx";
import { useStore } from "./store.ts";
import { addressOf } from "./views.ts";

/** Products with live stock and prices: `useProductUpdates` on top of what the shop's own API would return. */
export function ShopBoard() {
  const { products: updates, productsLog } = useLive();
  const held = useStore(credentials);
  const board = boardOf(updates.products);
  const newSince = useNewSince(updates);
  return (
    <>
      <div className="view-head">
        <h1>The shop</h1>
        <ShoppersSwitch />
      </div>
      <p className="lead">
        Stock and prices change as events come in. Open this page twice, or publish from a shell: every board shows the
        same.
      </p>
      {!tokenOf(held) && <NoToken />}
      <Trouble updates={updates} />
      <ul className="board">
        {board.map((product) => (
          <ProductCard
            key={product.id}
            product={product}
            newSince={newSince}
            onSell={held.key ? () => sellOne(product, held.key, productsLog) : undefined}
          />
        ))}
      </ul>
    </>
  );
}

export function NoToken() {
  return (
    <p className="note" data-tone="warn">
      Nothing is connected: this page has no token. <a href={addressOf("access")}>Paste one</a>, or open the demo
      address that <code>npm run dev</code> prints.
    </p>
  );
}

interface CardProps {
  product: Product;
  newSince: number;
  onSell: (() => void) | undefined;
}

function ProductCard({ product, newSince, onSell }: CardProps) {
  const { id, sku, name, quantity, price, status, changed } = product;
  const stock =
    quantity === null ? "stock unknown" : quantity === 0 ? "sold out" : quantity <= 5 ? "few left" : "in stock";
  return (
    <li className="card product" data-product={id} data-is-off={status !== "active" || undefined}>
      <div className="picture">
        <Icon name={isIconName(id) ? id : "box"} />
      </div>
      <div className="what">
        <h2 title={name}>{name}</h2>
        <p className="muted">
          <code>{sku ?? id}</code>
        </p>
      </div>
      <p className="price">
        <Changing
          key={`price ${changed?.field === "price" ? changed.seq : 0}`}
          product={product}
          newSince={newSince}
          field="price"
        >
          {priceText(price)}
        </Changing>
      </p>
      <p className="stock" data-stock={stock}>
        <Changing
          key={`stock ${changed?.field === "quantity" ? changed.seq : 0}`}
          product={product}
          newSince={newSince}
          field="quantity"
        >
          {quantity ?? "—"}
        </Changing>{" "}
        <span className="muted">{status === "active" ? stock : status}</span>
      </p>
      <button
        type="button"
        onClick={onSell}
        disabled={!onSell}
        aria-label={`${quantity === 0 ? "Restock" : "Sell one"}: ${name}`}
      >
        {quantity === 0 ? "Restock" : "Sell one"}
      </button>
    </li>
  );
}

interface ChangingProps {
  product: Product;
  newSince: number;
  field: "price" | "quantity";
  children: ReactNode;
}

/** A value that lights up when an event changed it: a new key makes a new element, and that starts the animation. */
function Changing({ product: { changed }, newSince, field, children }: ChangingProps) {
  const isChanged = changed?.field === field;
  const direction = changed?.isUp ? "went-up" : "went-down";
  const newness = changed && changed.seq > newSince ? "is-new" : "";
  return (
    <strong data-value={field} className={isChanged ? `${direction} ${newness}` : undefined}>
      {children}
    </strong>
  );
}

/** What happened before the board was looked at is no news: events after this `seq` are. */
function useNewSince({ isConnected, lastEvent }: ProductUpdates): number {
  const [since, setSince] = useState<number | null>(null);
  if (since === null && isConnected) setSince(lastEvent?.seq ?? 0);
  return since ?? Number.POSITIVE_INFINITY;
}
