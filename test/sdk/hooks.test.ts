import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createRenderer, defineComponent, effectScope, h, nextTick, ref } from "vue";
import { feedKey, orderKind } from "../../src/sdk/hooks/feed-kinds.ts";
import { useOrderUpdates as orderUpdates } from "../../src/sdk/hooks/vue.ts";
import { eventually } from "../support/eventually.ts";
import { registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/** What the hooks do that takes no browser to see. */

let service: Workerd;
beforeAll(async () => {
  service = await startTidings();
});
afterAll(() => service.stop());

test("a component's getToken is asked with the first try, which succeeds", async () => {
  const orderId = await registerOrderAt(service.url);
  const getToken = vi.fn(() => mintToken());
  const states: string[] = [];
  const options = {
    url: service.url,
    getToken,
    // A retry would come as late as it can.
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

/** Vue with a page of plain objects, of which only the tree is kept. */
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

test("a Vue store follows its arguments, also when the component that made it is gone", async () => {
  const [first, second] = [await registerOrderAt(service.url), await registerOrderAt(service.url)];
  const token = await mintToken();
  const orderId = ref(first);
  const isShown = ref(true);
  // As a store library does it: whoever asks first makes the store, in a scope of the store's own.
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
