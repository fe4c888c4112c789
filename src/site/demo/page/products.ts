import type { ProductMap } from "../../../sdk/hooks/react.ts";

/** What the board begins with, as a shop's page would with what its own API returns. */
const SHELF = [
  { id: "p-42", sku: "MUG-BLUE", name: "Blue mug", quantity: 10, price: 12.5 },
  { id: "p-17", sku: "TOTE-LINEN", name: "Linen tote", quantity: 24, price: 18 },
  { id: "p-23", sku: "LAMP-DESK", name: "Desk lamp", quantity: 6, price: 49.9 },
  { id: "p-08", sku: "NOTE-A5", name: "Notebook A5", quantity: 120, price: 7.2 },
  { id: "p-31", sku: "PHONES-ON", name: "Headphones", quantity: 3, price: 89 },
  { id: "p-55", sku: "FLASK-750", name: "Steel flask", quantity: 41, price: 26.5 },
];

export interface Product {
  id: string;
  sku: string | null;
  name: string;
  /** Null while nobody said. */
  quantity: number | null;
  price: number | null;
  status: string;
  /** What the last event changed, and which way. */
  changed: { seq: number; field: "quantity" | "price" | "other"; isUp: boolean; was: number | null } | null;
}

/** The shelf with everything that events said of it; products that are new stand at the end, deleted ones are gone. */
export function boardOf(events: ProductMap): Product[] {
  const ids = new Set([...SHELF.map(({ id }) => id), ...[...events.keys()].sort()]);
  return [...ids].flatMap((id): Product[] => {
    const first = SHELF.find((product) => product.id === id);
    const said = events.get(id);
    if (said?.isDeleted) return [];
    return [
      {
        id,
        sku: said?.sku ?? first?.sku ?? null,
        name: said?.name ?? first?.name ?? id,
        quantity: said?.new_quantity ?? first?.quantity ?? null,
        price: said?.new_price ?? first?.price ?? null,
        status: said?.new_status ?? "active",
        changed: changeOf(said?.lastEvent),
      },
    ];
  });
}

type LastEvent = NonNullable<ReturnType<ProductMap["get"]>>["lastEvent"];

function changeOf(event: LastEvent | undefined): Product["changed"] {
  if (!event) return null;
  const { seq } = event;
  if (event.type === "inventory_updated") {
    const { old_quantity: was = null, new_quantity } = event.data;
    return { seq, field: "quantity", isUp: new_quantity > (was ?? 0), was };
  }
  if (event.type === "price_updated") {
    const { old_price: was = null, new_price } = event.data;
    return { seq, field: "price", isUp: new_price > (was ?? 0), was };
  }
  return { seq, field: "other", isUp: true, was: null };
}

const money = new Intl.NumberFormat("en", { style: "currency", currency: "EUR" });
export const priceText = (price: number | null) => (price === null ? "—" : money.format(price));
