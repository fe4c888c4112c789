import type { ProductMap } from "../../../../sdk/hooks/react.ts";
import type { ProductEvent } from "../../../../sdk/index.ts";

/** The products before any event. A real shop would load them from its own API. */
const OPENING_CATALOGUE = [
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
  /** Null while unknown. */
  quantity: number | null;
  /** In euros; null while unknown. */
  price: number | null;
  /** The price before any event. */
  openingPrice: number | null;
  /** Whether the stock or the price is the opening catalogue's, because no event has reported it. */
  hasOpeningValue: boolean;
  status: string;
  /** The last event's change of stock or price; null if it changed neither. */
  lastChange: { seq: number; field: "quantity" | "price"; direction: Direction } | null;
}

/** Null if the value stayed the same, or the event does not report the old one. */
type Direction = "up" | "down" | null;

/** Returns the opening catalogue as updated by events; new products come last, deleted ones are left out. */
export function currentProducts(updates: ProductMap): Product[] {
  const ids = new Set([...OPENING_CATALOGUE.map(({ id }) => id), ...[...updates.keys()].sort()]);
  return [...ids].flatMap((id): Product[] => {
    const opening = OPENING_CATALOGUE.find((product) => product.id === id);
    const updated = updates.get(id);
    if (updated?.isDeleted) return [];
    return [
      {
        id,
        sku: updated?.sku ?? opening?.sku ?? null,
        name: updated?.name ?? opening?.name ?? id,
        quantity: updated?.new_quantity ?? opening?.quantity ?? null,
        price: updated?.new_price ?? opening?.price ?? null,
        openingPrice: opening?.price ?? null,
        hasOpeningValue:
          opening !== undefined && (updated?.new_quantity === undefined || updated.new_price === undefined),
        status: updated?.new_status ?? "active",
        lastChange: changeBy(updated?.lastEvent),
      },
    ];
  });
}

function changeBy(event: ProductEvent | undefined): Product["lastChange"] {
  switch (event?.type) {
    case "inventory_updated": {
      const { old_quantity, new_quantity } = event.data;
      return { seq: event.seq, field: "quantity", direction: directionOf(old_quantity, new_quantity) };
    }
    case "price_updated": {
      const { old_price, new_price } = event.data;
      return { seq: event.seq, field: "price", direction: directionOf(old_price, new_price) };
    }
    default:
      return null;
  }
}

function directionOf(before: number | null | undefined, after: number): Direction {
  if (before === null || before === undefined || before === after) return null;
  return after > before ? "up" : "down";
}

const euros = new Intl.NumberFormat("en", { style: "currency", currency: "EUR" });
export const formatPrice = (price: number | null) => (price === null ? "—" : euros.format(price));
