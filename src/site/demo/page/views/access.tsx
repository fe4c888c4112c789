import { useId } from "react";
import { hashOf } from "../router.ts";
import { type Credentials, decodeToken, NONE, saveCredentials, useCredentials } from "../state/credentials.ts";

/** A form for the visitor's credentials. */
export function AccessView() {
  const credentials = useCredentials();
  const save = (form: HTMLFormElement) => {
    const given = new FormData(form);
    saveCredentials(Object.fromEntries(FIELDS.map(({ name }) => [name, String(given.get(name) ?? "").trim()])));
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
        {FIELDS.map((field) => (
          <Field key={field.name} {...field} value={credentials[field.name]} />
        ))}
        <p className="row">
          <button type="submit" className="primary">
            Save and connect
          </button>
          <button
            type="button"
            onClick={({ currentTarget }) => {
              // Discards what was typed and not saved, too.
              currentTarget.form?.reset();
              saveCredentials(NONE);
            }}
          >
            Clear all
          </button>
        </p>
        <p className="hint">
          In the project's folder, the <code>tidings</code> commands call the service of <code>npm run dev</code> with
          the secrets in <code>.dev.vars</code>. To call this service when it runs elsewhere, add{" "}
          <code>--url {location.origin}</code>, and <code>--secret</code> for tokens or <code>--key</code> for orders.
        </p>
      </form>
    </>
  );
}

interface FieldProps {
  name: Exclude<keyof Credentials, "as">;
  label: string;
  value: string;
  note: string;
  /** Shell command that creates a value; absent if the value comes from the service's settings. */
  command?: string;
}

const FIELDS: readonly Omit<FieldProps, "value">[] = [
  {
    name: "order",
    label: "Order id",
    note: "The UUID of the order to follow.",
    command: "npx tidings order new --user alice",
  },
  {
    name: "customer",
    label: "Customer token",
    note: "Listens to alice's own orders and to products.",
    command: "npx tidings token --subject alice",
  },
  {
    name: "admin",
    label: "Admin token",
    note: "Listens to every order. Optional if you have a customer token.",
    command: "npx tidings token --subject ops --role admin",
  },
  {
    name: "key",
    label: "Publish key",
    note: "Publishes events and reads the metrics. One of the service's PUBLISH_KEYS, without its name.",
  },
];

function Field({ name, label, value, note, command }: FieldProps) {
  const id = useId();
  const isToken = name === "customer" || name === "admin";
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        // A value set from elsewhere, such as a demo address, replaces the input.
        key={value}
        id={id}
        name={name}
        type={name === "order" ? "text" : "password"}
        defaultValue={value}
        autoComplete="off"
        spellCheck={false}
        aria-describedby={`${id}-note`}
      />
      <p id={`${id}-note`} className="hint">
        {(isToken && tokenNote(value)) || note}
        {command && (
          <>
            {" "}
            Create {value ? "another" : "one"} with <code>{command}</code>.
          </>
        )}
      </p>
    </div>
  );
}

/** Describes a token's subject and expiry; null for an empty field. */
function tokenNote(token: string): string | null {
  const decoded = decodeToken(token);
  if (!decoded) return token ? "This token has no readable subject." : null;
  const { subject, expiresAt } = decoded;
  if (!expiresAt) return `Issued to ${subject}.`;
  const time = expiresAt.toLocaleString("en");
  return expiresAt.getTime() < Date.now()
    ? `Issued to ${subject}, expired at ${time}.`
    : `Issued to ${subject}, valid until ${time}.`;
}
