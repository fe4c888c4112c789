import { useState } from "react";
import type { EventType } from "../../../sdk/index.ts";
import { catalogue, EVENT_TYPES } from "./catalogue.ts";
import { credentials } from "./credentials.ts";
import { useLive } from "./live.tsx";
import { type Answer, curlCommand, type Draft, publish } from "./publish.ts";
import { AnswerNote } from "./publisher-answer.tsx";
import { useStore } from "./store.ts";
import { addressOf } from "./views.ts";

/** Publishes any event of the catalogue, as a shop's backend would. */
export function Publisher() {
  const { order, key } = useStore(credentials);
  const { orderLog, productsLog } = useLive();
  const [type, setType] = useState<EventType>("inventory_updated");
  const [text, setText] = useState(() => exampleOf("inventory_updated", order));
  const [id, setId] = useState("");
  const [version, setVersion] = useState("");
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [isBusy, setBusy] = useState(false);

  const isForOrder = catalogue[type].channel === "order";
  const data = parse(text);
  const draft: Draft = { type, data, ...(id && { id }), ...(version && { version: Number(version) }) };
  const choose = (next: EventType) => {
    setType(next);
    setText(exampleOf(next, order));
    setAnswer(null);
  };
  const submit = async () => {
    setBusy(true);
    const answered = await publish(draft, order, key);
    setBusy(false);
    setAnswer(answered);
    const { seq } = answered.body;
    if (typeof seq === "number") (isForOrder ? orderLog : productsLog).knows(seq);
  };

  return (
    <form
      className="card publisher"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <h2>Publish</h2>
      {!key && (
        <p className="note" data-tone="warn">
          Publishing needs the publish key. <a href={addressOf("access")}>Paste it</a>
        </p>
      )}
      <label>
        Event
        <select
          name="type"
          value={type}
          onChange={({ target }) => choose(EVENT_TYPES.find((one) => one === target.value) ?? type)}
        >
          {(["order", "products"] as const).map((channel) => (
            <optgroup key={channel} label={channel === "order" ? "to the order" : "to all who watch products"}>
              {EVENT_TYPES.filter((one) => catalogue[one].channel === channel).map((one) => (
                <option key={one}>{one}</option>
              ))}
            </optgroup>
          ))}
        </select>
      </label>
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
        <code>id</code> makes a publish safe to repeat; <code>version</code> rejects what comes late.
      </p>
      <button
        type="submit"
        className="primary"
        disabled={!key || data === undefined || isBusy || (isForOrder && !order)}
      >
        Publish {type}
      </button>
      <div className="answer" aria-live="polite">
        {data === undefined ? (
          <p className="note" data-tone="warn">
            That is no JSON yet.
          </p>
        ) : answer ? (
          <AnswerNote answer={answer} />
        ) : (
          <p className="empty">The answer comes here.</p>
        )}
      </div>
      <Curl command={curlCommand(draft, order || "ORDER_ID")} />
    </form>
  );
}

function Curl({ command }: { command: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(command);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <details className="curl">
      <summary>The same with curl</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard */}
      <pre tabIndex={0}>{command}</pre>
      <button type="button" onClick={copy}>
        {isCopied ? "Copied" : "Copy"}
      </button>
    </details>
  );
}

/** The catalogue's example, of the order of this page and of now. */
function exampleOf(type: EventType, order: string): string {
  const { example } = catalogue[type];
  const own = { ...("order_id" in example && order && { order_id: order }), timestamp: new Date().toISOString() };
  return JSON.stringify({ ...example, ...own }, null, 2);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
