import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createRenderer, defineComponent, effectScope, h, nextTick, onMounted, type Ref, ref } from "vue";
import { feedKey, orderKind } from "../../src/sdk/hooks/feed-kinds.ts";
import { useOrderUpdates as orderUpdates, useProductUpdates as productUpdates } from "../../src/sdk/hooks/vue.ts";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";
import { publishAt } from "./support/listener.ts";
import { inPage } from "./support/vue-page.ts";

/** What hooks do, as far as it can be tested without a browser. */

let service: Workerd;
beforeAll(async () => {
  service = await startTidings();
});
afterAll(() => service.stop());

test("the first attempt already uses the component's getToken", async () => {
  const orderId = await registerOrderAt(service.url);
  const getToken = vi.fn(() => mintToken());
  const states: string[] = [];
  const options = {
    url: service.url,
    getToken,
    // A retry would come too late for this test.
    tuning: { firstBackoffMs: 1_000_000, maxBackoffMs: 1_000_000 },
    onStatus: ({ state }: { state: string }) => void states.push(state),
  };
  const key = feedKey(orderId, options) ?? "";
  const end = orderKind.subscribe(key, orderId, { options: () => options, onChange() {} });
  await eventually(() => expect(states).toEqual(["live"]));
  expect(getToken).toHaveBeenCalledTimes(1);
  end();
});

interface TestNode {
  children: TestNode[];
  parent: TestNode | null;
}

/** Renders a Vue app into plain objects that keep only the tree. */
function vueApp(render: () => unknown) {
  const node = (): TestNode => ({ children: [], parent: null });
  const { createApp } = createRenderer<TestNode, TestNode>({
    patchProp() {},
    insert(child, parent) {
      child.parent = parent;
      parent.children.push(child);
    },
    remove(child) {
      child.parent?.children.splice(child.parent.children.indexOf(child), 1);
    },
    createElement: node,
    createText: node,
    createComment: node,
    setText() {},
    setElementText() {},
    parentNode: ({ parent }) => parent,
    nextSibling: () => null,
  });
  createApp(defineComponent(() => render as () => null)).mount(node());
}

test("a Vue store follows its arguments even after the component that created it is unmounted", async () => {
  const [first, second] = [await registerOrderAt(service.url), await registerOrderAt(service.url)];
  const token = await mintToken();
  const orderId = ref(first);
  const isShown = ref(true);
  // Like store libraries: the first component to need the store creates it, in a scope of its own.
  const scope = effectScope(true);
  let store: ReturnType<typeof orderUpdates> | undefined;
  const useStore = () => {
    store ??= scope.run(() => orderUpdates(orderId, { url: service.url, token }));
  };
  const Maker = defineComponent(() => {
    useStore();
    return () => null;
  });
  vueApp(() => (isShown.value ? h(Maker) : null));
  await eventually(() => expect(store?.order.value?.order_id).toBe(first));
  isShown.value = false;
  await nextTick();
  orderId.value = second;
  await eventually(() => expect(store?.order.value?.order_id).toBe(second));
  scope.stop();
});

test("a Vue composable first used in a mounted hook connects", async () => {
  const orderId = await registerOrderAt(service.url);
  const token = await mintToken();
  const isShown = ref(true);
  let updates: ReturnType<typeof orderUpdates> | undefined;
  const Late = defineComponent(() => {
    onMounted(() => {
      updates = orderUpdates(orderId, { url: service.url, token });
    });
    return () => null;
  });
  vueApp(() => (isShown.value ? h(Late) : null));
  await eventually(() => expect(updates?.order.value?.order_id).toBe(orderId));
  isShown.value = false;
});

describe("a list of products that changes", () => {
  const publish = (product_id: string, new_quantity: number) =>
    publishAt(service.url, "products", "inventory_updated", { product_id, new_quantity });
  const open = (productIds: Ref<string[]>, more: object = {}) =>
    inPage(() =>
      productUpdates(() => ({ url: service.url, getToken: () => mintToken(), productIds: productIds.value, ...more })),
    );
  const connections = async () => {
    const health = await (await callService(service.url, "GET", "ws/health")).json();
    return (health as { channel_details: Record<string, number> }).channel_details.products;
  };

  test("keeps what is known about the products that stay, on the same connection", async () => {
    const productIds = ref(["h-1", "h-2"]);
    const states: string[] = [];
    const { products, state } = open(productIds, {
      onStatus: ({ state }: { state: string }) => void states.push(state),
    });
    await eventually(() => expect(state.value).toBe("live"));
    await publish("h-2", 0);
    await publish("h-1", 1);
    await eventually(() => expect(products.value.get("h-1")?.new_quantity).toBe(1));
    expect(products.value.get("h-2")?.new_quantity).toBe(0);
    productIds.value = ["h-1", "h-3"];
    await nextTick();
    expect(state.value).toBe("live");
    expect(products.value.get("h-1")?.new_quantity).toBe(1);
    await eventually(async () => {
      await publish("h-3", 3);
      expect(products.value.get("h-3")?.new_quantity).toBe(3);
    });
    await publish("h-2", 2);
    await publish("h-1", 4);
    await eventually(() => expect(products.value.get("h-1")?.new_quantity).toBe(4));
    expect(products.value.has("h-2")).toBe(false);
    expect(await connections()).toBe(1);
    expect(new Set(states)).toEqual(new Set(["live"]));
  });

  test("takes over from another list's connection only what both lists contain", async () => {
    // Not the connection of the test before.
    const more = { user: "i" };
    const { products, state } = open(ref(["i-1", "i-2"]), more);
    await eventually(() => expect(state.value).toBe("live"));
    await publish("i-1", 1);
    await publish("i-2", 2);
    await eventually(() => expect([...products.value.keys()]).toEqual(["i-1", "i-2"]));
    const other = open(ref(["i-2", "i-3"]), more);
    await eventually(() => expect(other.state.value).toBe("live"));
    expect([...other.products.value.keys()]).toEqual(["i-2"]);
  });

  test("of more than 50 products is an error value, and a shorter list connects", async () => {
    const productIds = ref(Array.from({ length: 51 }, (_, i) => `many-${i}`));
    const { error, state } = open(productIds);
    await eventually(() => expect(state.value).toBe("closed"));
    expect(error.value).toMatchObject({
      code: 4005,
      message: "At most 50 product ids, 6,400 characters in total",
    });
    productIds.value = ["many-1"];
    await eventually(() => expect(state.value).toBe("live"));
    expect(error.value).toBeNull();
    productIds.value = Array.from({ length: 51 }, (_, i) => `many-${i}`);
    await eventually(() => expect(state.value).toBe("closed"));
  });
});

test("a component that joins a live feed shows it at once and receives its status", async () => {
  const orderId = await registerOrderAt(service.url);
  const options = { url: service.url, getToken: () => mintToken() };
  const first = inPage(() => orderUpdates(orderId, options));
  await eventually(() => expect(first.order.value?.status).toBe("pending"));
  const states: string[] = [];
  const second = inPage(() => orderUpdates(orderId, { ...options, onStatus: ({ state }) => void states.push(state) }));
  expect(second.order.value?.status).toBe("pending");
  expect(states).toEqual(["live"]);
});

test("the reason why there is no connection yet is in `cause`", async () => {
  const orderId = await registerOrderAt(service.url);
  const getToken = () => Promise.reject(new Error("the login service is down"));
  const updates = inPage(() => orderUpdates(orderId, { url: service.url, getToken }));
  await eventually(() => expect(updates.cause.value?.message).toBe("the login service is down"));
});
