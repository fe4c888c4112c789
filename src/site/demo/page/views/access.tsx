import { useId } from "react";
import { hashOf } from "../router.ts";
import { decodeToken, saveCredentials, useCredentials } from "../state/credentials.ts";

/** A form for the visitor's credentials. */
export function AccessView() {
  const credentials = useCredentials();
  const save = (form: HTMLFormElement) => {
    const given = new FormData(form);
    const text = (name: string) => String(given.get(name) ?? "").trim();
    saveCredentials({ order: text("order"), customer: text("customer"), admin: text("admin"), key: text("key") });
    location.hash = hashOf("shop");
  };
  return (
    <>
      <h1>Access</h1>
      <p className="lead">
        These values stay in this tab's <code>sessionStorage</code> and are sent only to this service. The address that{" "}
        <code>npm run dev</code> prints fills them all in.
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
          value={credentials.order}
          note="The UUID of the order to follow."
          command="npx tidings order new --user alice"
        />
        <Field
          name="customer"
          label="Customer token"
          value={credentials.customer}
          note={tokenNote(credentials.customer) ?? "Listens to alice's own orders and to products."}
          command="npx tidings token --subject alice"
          isSecret
        />
        <Field
          name="admin"
          label="Admin token"
          value={credentials.admin}
          note={tokenNote(credentials.admin) ?? "Listens to every order. Optional if you have a customer token."}
          command="npx tidings token --subject ops --role admin"
          isSecret
        />
        <Field
          name="key"
          label="Publish key"
          value={credentials.key}
          note="One of the keys in PUBLISH_KEYS, without its name. Publishes events and reads the metrics."
          command="openssl rand -hex 24"
          isSecret
        />
        <p className="row">
          <button type="submit" className="primary">
            Save and connect
          </button>
          <button type="button" onClick={() => saveCredentials({ order: "", customer: "", admin: "", key: "" })}>
            Clear all
          </button>
        </p>
        <p className="hint">
          The <code>tidings</code> commands call <code>http://localhost:8000</code> with the secrets in{" "}
          <code>.dev.vars</code>. For another service, add <code>--url {location.origin}</code>, and{" "}
          <code>--secret</code> for tokens or <code>--key</code> for orders.
        </p>
      </form>
    </>
  );
}

interface FieldProps {
  name: string;
  label: string;
  value: string;
  note: string;
  /** Shell command that creates a value. */
  command: string;
  isSecret?: boolean;
}

function Field({ name, label, value, note, command, isSecret = false }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        // A value set from elsewhere, such as a demo address, replaces the input.
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
        {note} Create one with <code>{command}</code>.
      </p>
    </div>
  );
}

/** Describes a token's subject and expiry; null for an empty field. */
function tokenNote(token: string): string | null {
  const decoded = decodeToken(token);
  if (!decoded) return token ? "This is not a valid token." : null;
  const { subject, expiresAt } = decoded;
  if (!expiresAt) return `Issued to ${subject}.`;
  const time = expiresAt.toLocaleString("en");
  return expiresAt.getTime() < Date.now()
    ? `Issued to ${subject}, expired at ${time}.`
    : `Issued to ${subject}, valid until ${time}.`;
}
