import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { unstable_readConfig as readWranglerConfig } from "wrangler";
import * as z from "zod";

/** The configuration of a bare runtime. */

export interface WorkerdOptions {
  /** The Worker's module, relative to the project root. */
  entry: string;
  /** Text bindings by name. */
  bindings?: Record<string, string>;
  /** Binding names by object class; all classes have SQLite storage. */
  durableObjects?: Record<string, string>;
  /** Discards what it prints to standard output, for benchmarks: checking every log line takes time. */
  isQuiet?: boolean;
  /** The directory of its objects' data, if not one that is removed with the process. */
  storage?: string;
}

/** The part of `wrangler.toml` used here; the types of wrangler's reader are in a package that is not installed. */
export const wranglerConfig = z
  .object({
    compatibility_date: z.string(),
    compatibility_flags: z.array(z.string()),
    vars: z.record(z.string(), z.string()),
    durable_objects: z.object({ bindings: z.array(z.object({ name: z.string(), class_name: z.string() })) }),
  })
  .parse(
    readWranglerConfig(
      { config: fileURLToPath(new URL("../../wrangler.toml", import.meta.url).href) },
      { hideWarnings: true },
    ),
  );

/** The configuration in Cap'n Proto's text format, where strings are escaped as in C. */
export function runtimeConfig({ bindings = {}, durableObjects = {}, storage = "storage" }: WorkerdOptions): string {
  const text = (value: string) => JSON.stringify(value).replace(/\\u00([0-9a-f]{2})/g, "\\x$1");
  const list = (items: string[]) => `[${items.join(", ")}]`;
  const classes = Object.entries(durableObjects);
  const allBindings = [
    ...classes.map(([className, name]) => `(name=${text(name)}, durableObjectNamespace=${text(className)})`),
    ...Object.entries(bindings).map(([name, value]) => `(name=${text(name)}, text=${text(value)})`),
    // Every start is a new deployment to the service, because all sockets are gone.
    `(name="CF_VERSION_METADATA", json=${text(JSON.stringify({ id: randomUUID() }))})`,
  ];
  const namespaces = classes.map(([name]) => `(className=${text(name)}, uniqueKey=${text(name)}, enableSql=true)`);
  // The backends of tests run on this machine, which the default network does not let a Worker reach.
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name="main", worker = .mainWorker),
    (name="storage", disk=(path=${text(storage)}, writable=true)),
    (name="internet", network=(allow=["public", "private"], tlsOptions=(trustBrowserCas=true))),
  ],
  sockets = [(name="http", http=(), service="main")],
);
const mainWorker :Workerd.Worker = (
  modules = [(name="worker.js", esModule=embed "worker.js")],
  compatibilityDate = ${text(wranglerConfig.compatibility_date)},
  compatibilityFlags = ${list(wranglerConfig.compatibility_flags.map(text))},
  bindings = ${list(allBindings)},
  durableObjectNamespaces = ${list(namespaces)},
  durableObjectStorage = (localDisk="storage"),
);
`;
}
