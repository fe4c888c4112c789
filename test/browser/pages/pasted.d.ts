/** Scripts that are not ours, which a test pastes in while the pages are bundled: test/support/original-pages.md. */

interface OriginalOrder {
  orderStatus: string | null;
  shipping: object | null;
  isConnected: boolean;
}
interface OriginalProducts {
  products: Record<string, { quantity?: number; price?: number }>;
  isConnected: boolean;
}
type Refs<T> = { [K in keyof T]: { value: T[K] } };

declare module "pasted:react" {
  export function useOrderUpdates(orderId: string, token: string): OriginalOrder;
  export function useProductUpdates(token: string): OriginalProducts;
}

declare module "pasted:vue" {
  export function useOrderUpdates(orderId: string, token: string): Refs<OriginalOrder>;
  export function useProductUpdates(token: string): Refs<OriginalProducts>;
}
