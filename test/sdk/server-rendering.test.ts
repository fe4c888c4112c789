import { createElement } from "react";
import { renderToString as renderReact } from "react-dom/server";
import { afterEach, expect, test } from "vitest";
import { createSSRApp, defineComponent, effectScope, h } from "vue";
import { renderToString as renderVue } from "vue/server-renderer";
import { useOrderUpdates as useReact } from "../../src/sdk/hooks/react.ts";
import { useOrderUpdates as useVue } from "../../src/sdk/hooks/vue.ts";

/** On a server, hooks render but do not connect. */

const { WebSocket: Native } = globalThis;
afterEach(() => {
  globalThis.WebSocket = Native;
});

const ORDER = crypto.randomUUID();
/** Records every socket and every token request. */
const forbid = () => {
  const used: string[] = [];
  globalThis.WebSocket = new Proxy(Native, {
    construct() {
      used.push("a socket");
      throw new Error("no sockets on a server");
    },
  });
  const getToken = () => {
    used.push("a token");
    return "token";
  };
  return { used, getToken };
};

test("React", async () => {
  const { used, getToken } = forbid();
  const Page = () => {
    const { state, order } = useReact(ORDER, { url: "http://localhost:1", getToken });
    return createElement("p", null, `${state} ${order?.status ?? "unknown"} ${useReact(null, null).state}`);
  };
  expect(renderReact(createElement(Page))).toBe("<p>connecting unknown idle</p>");
  await new Promise(setImmediate);
  expect(used).toEqual([]);
});

test("Vue", async () => {
  const { used, getToken } = forbid();
  const Page = defineComponent(() => {
    const { state, order } = useVue(ORDER, { url: "http://localhost:1", getToken });
    const idle = useVue(null, null);
    return () => h("p", `${state.value} ${order.value?.status ?? "unknown"} ${idle.state.value}`);
  });
  expect(await renderVue(createSSRApp(Page))).toBe("<p>connecting unknown idle</p>");
  await new Promise(setImmediate);
  expect(used).toEqual([]);
});

test("a Vue store in a scope without a component", async () => {
  const { used, getToken } = forbid();
  const scope = effectScope();
  const updates = scope.run(() => useVue(ORDER, { url: "http://localhost:1", getToken }));
  expect(updates?.state.value).toBe("connecting");
  await new Promise(setImmediate);
  expect(used).toEqual([]);
  scope.stop();
});
