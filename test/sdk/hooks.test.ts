import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createRenderer, defineComponent, effectScope, h, nextTick, ref } from "vue";
import { feedKey, orderKind } from "../../src/sdk/hooks/feed-kinds.ts";
import { useOrderUpdates as orderUpdates } from "../../src/sdk/hooks/vue.ts";
import { eventually } from "../support/eventually.ts";
import { registerOrderAt } from "../support/node-client.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

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
