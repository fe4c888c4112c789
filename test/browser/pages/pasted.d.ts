/** Third-party scripts from test/original/documentation.md that a test inserts while it bundles the pages. */

declare module "pasted:react" {
  export function useOrderUpdates(orderId: string, token: string): { orderStatus: string | null; connected: boolean };
}

declare module "pasted:vue" {
  import type { Ref } from "vue";
  export function useProductUpdates(token: string): {
    products: Ref<Map<string, { stock_quantity: number }>>;
    connected: Ref<boolean>;
  };
}

declare module "pasted:order";
declare module "pasted:products";
declare module "pasted:heartbeat";
