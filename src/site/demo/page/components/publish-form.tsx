import { useState } from "react";
import { parseJson } from "../../../../protocol/json.ts";
import { CHANNEL_KINDS } from "../../../../protocol/names.ts";
import type { EventType } from "../../../../sdk/index.ts";
import { hashOf } from "../router.ts";
import { catalogue, EVENT_TYPES, isOrderEvent } from "../service/catalogue.ts";
import type { EventDraft, ServiceResponse } from "../service/publish.ts";
import { useCredentials } from "../state/credentials.ts";
import { usePublish } from "../state/publisher.ts";
import { CodeTabs } from "./code-tabs.tsx";
import { PublishResponse } from "./publish-result.tsx";

/** Publishes any event of the catalogue, as a shop's backend would. */
export function PublishForm() {
  const { order, key } = useCredentials();
  const publish = usePublish();
  const [type, setType] = useState<EventType>("inventory_updated");
  const [text, setText] = useState(() => exampleJson("inventory_updated", order));
  const [id, setId] = useState("");
  const [version, setVersion] = useState("");
  const [response, setResponse] = useState<ServiceResponse | null>(null);
  const [isBusy, setBusy] = useState(false);

  const data = parseJson(text);
  const draft: EventDraft = { type, data, ...(id && { id }), ...(version && { version: Number(version) }) };
  const choose = (next: EventType) => {
    setType(next);
    setText(exampleJson(next, order));
    setResponse(null);
  };
  const submit = async () => {
    setBusy(true);
    const received = await publish(draft);
    setBusy(false);
    setResponse(received);
  };

  return (
    <form
      className="card publish-form"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <h2>Event</h2>
      {!key && (
        <p className="note" data-tone="warn">
          Publishing needs a publish key. <a href={hashOf("access")}>Add a key</a>
        </p>
      )}
      <TypeSelect type={type} onChoose={choose} />
      <p className="hint">{catalogue[type].summary.replaceAll("`", "")}</p>
      <label>
        <code>data</code>
        <textarea
          name="data"
          rows={7}
          spellCheck={false}
          value={text}
          aria-invalid={data === undefined}
          onChange={({ target }) => setText(target.value)}
        />
      </label>
      <div className="pair">
        <label>
          <code>id</code>
          <input name="id" value={id} placeholder="optional" onChange={({ target }) => setId(target.value)} />
        </label>
        <label>
          <code>version</code>
          <input
            name="version"
            inputMode="numeric"
            pattern="[0-9]*"
            value={version}
            placeholder="optional"
            onChange={({ target }) => setVersion(target.value.replace(/\D/g, ""))}
          />
        </label>
      </div>
      <p className="hint">
        <code>id</code> makes a retry safe; <code>version</code> rejects an event that arrives late. The{" "}
        <a href="/docs/api">API reference</a> has every field.
      </p>
      <button
        type="submit"
        className="primary"
        disabled={!key || data === undefined || isBusy || (isOrderEvent(type) && !order)}
      >
        Publish {type}
      </button>
      <div className="response" aria-live="polite">
        {data === undefined ? (
          <p className="note" data-tone="warn">
            <code>data</code> is not valid JSON. Correct it to publish.
          </p>
        ) : response ? (
          <PublishResponse response={response} />
        ) : (
          <p className="empty">Publish an event to see the response here.</p>
        )}
      </div>
      <CodeTabs draft={draft} />
    </form>
  );
}

function TypeSelect({ type, onChoose }: { type: EventType; onChoose: (type: EventType) => void }) {
  return (
    <label>
      Event type
      <select
        name="type"
        value={type}
        onChange={({ target }) => onChoose(EVENT_TYPES.find((one) => one === target.value) ?? type)}
      >
        {CHANNEL_KINDS.map((channel) => (
          <optgroup key={channel} label={channel === "order" ? "Order events" : "Product events"}>
            {EVENT_TYPES.filter((one) => catalogue[one].channel === channel).map((one) => (
              <option key={one}>{one}</option>
            ))}
          </optgroup>
        ))}
      </select>
    </label>
  );
}

/** Returns the catalogue's example with this page's order id and the current time. */
function exampleJson(type: EventType, order: string): string {
  const { example } = catalogue[type];
  const own = { ...("order_id" in example && order && { order_id: order }), timestamp: new Date().toISOString() };
  return JSON.stringify({ ...example, ...own }, null, 2);
}
