import { useId } from "react";
import { aboutToken, credentials, keep } from "./credentials.ts";
import { useStore } from "./store.ts";
import { addressOf } from "./views.ts";

/** Where the visitor says who they are. What is pasted stays in this tab. */
export function Access() {
  const held = useStore(credentials);
  const save = (form: HTMLFormElement) => {
    const given = new FormData(form);
    const text = (name: string) => String(given.get(name) ?? "").trim();
    keep({ order: text("order"), customer: text("customer"), admin: text("admin"), key: text("key") });
    location.hash = addressOf("shop");
  };
  return (
    <>
      <h1>Access</h1>
      <p className="lead">
        This page holds no secret. What you paste is kept in this tab's <code>sessionStorage</code> and sent to this
        service only. <code>npm run dev</code> prints an address that brings all of it along.
      </p>
      <form
        className="card access"
        onSubmit={(event) => {
          event.preventDefault();
          save(event.currentTarget);
        }}
      >
        <Field
          name="order"
          label="Order id"
          value={held.order}
          command="npx tidings order new --user alice"
          note="The order to follow, a UUID."
        />
        <Field
          name="customer"
          label="Customer's token"
          value={held.customer}
          command="npx tidings token --subject alice"
          note={aboutText(held.customer) ?? "Listens to alice's own orders, and to products."}
          isSecret
        />
        <Field
          name="admin"
          label="Admin's token"
          value={held.admin}
          command="npx tidings token --subject ops --role admin"
          note={aboutText(held.admin) ?? "Listens to every order. Not needed when there is a customer's."}
          isSecret
        />
        <Field
          name="key"
          label="Publish key"
          value={held.key}
          command="npx wrangler secret put PUBLISH_KEYS"
          note="One of the keys in PUBLISH_KEYS. Publishes, and reads the metrics."
          isSecret
        />
        <p className="row">
          <button type="submit" className="primary">
            Use these
          </button>
          <button type="button" onClick={() => keep({ order: "", customer: "", admin: "", key: "" })}>
            Forget all
          </button>
        </p>
        <p className="hint">
          Away from the service's own machine, the commands take <code>--url {location.origin}</code> and its secret:{" "}
          <code>--secret</code> for tokens, <code>--key</code> for orders.
        </p>
      </form>
    </>
  );
}

interface FieldProps {
  name: string;
  label: string;
  value: string;
  /** Makes one. */
  command: string;
  note: string;
  isSecret?: boolean;
}

function Field({ name, label, value, command, note, isSecret = false }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        // Another value from elsewhere, such as a demo address, is another field.
        key={value}
        id={id}
        name={name}
        type={isSecret ? "password" : "text"}
        defaultValue={value}
        autoComplete="off"
        spellCheck={false}
        aria-describedby={`${id}-note`}
      />
      <p id={`${id}-note`} className="hint">
        {note} <code>{command}</code>
      </p>
    </div>
  );
}

function aboutText(token: string): string | null {
  const about = aboutToken(token);
  if (!about) return token ? "That is no token." : null;
  const { subject, endsAt } = about;
  if (!endsAt) return `${subject}'s.`;
  return endsAt.getTime() < Date.now()
    ? `${subject}'s, run out at ${endsAt.toLocaleString("en")}: make another one.`
    : `${subject}'s, good until ${endsAt.toLocaleString("en")}.`;
}
