import { createRequire } from "node:module";

/** Checks values against the schemas of a document, with the validator (ajv) inside the AsyncAPI parser. */

/** The part of ajv used here; its types cannot be imported, because it is a dependency of the parser. */
interface Ajv {
  addSchema(schema: unknown, name: string): void;
  getSchema(reference: string): Validate | undefined;
}
interface Validate {
  (value: unknown): boolean;
  errors?: unknown;
}
type AjvClass = new (options: Record<string, unknown>) => Ajv;

const require = createRequire(import.meta.resolve("@asyncapi/parser"));
const addFormats: { default: (ajv: Ajv) => void } = require("ajv-formats");
const DIALECTS: Record<"draft-7" | "draft-2020-12", AjvClass> = {
  "draft-7": require("ajv").default,
  "draft-2020-12": require("ajv/dist/2020").default,
};

/** @returns A function that checks a value against the schema at a JSON pointer (`/components/schemas/problem`), and returns all errors. */
export function schemaChecker(document: unknown, dialect: keyof typeof DIALECTS) {
  // The document as a whole is not a schema; only references into it are.
  const ajv = new DIALECTS[dialect]({ strict: false, allErrors: true, validateSchema: false });
  addFormats.default(ajv);
  ajv.addSchema(document, "document");
  return (place: string, value: unknown): unknown[] => {
    const validate = ajv.getSchema(`document#${place}`);
    if (!validate) return [`there is no schema at ${place}`];
    return validate(value) ? [] : [validate.errors];
  };
}

/** @returns A step of a JSON pointer in a URI fragment (RFC 6901, section 6). */
export const step = (name: string) => `/${encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"))}`;
