import { createRequire } from "node:module";

/** Checks values against the schemas of a document, with the validator that the AsyncAPI parser has. */

/** What is used of ajv; it comes with the parser, so its own types are not ours to import. */
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

/** @returns What checks a value against the schema at a place (`/components/schemas/problem`), and says all that is wrong. */
export function schemaChecker(document: unknown, dialect: keyof typeof DIALECTS) {
  // A document has more in it than schemas; only references into it count.
  const ajv = new DIALECTS[dialect]({ strict: false, allErrors: true, validateSchema: false });
  addFormats.default(ajv);
  ajv.addSchema(document, "document");
  return (place: string, value: unknown): unknown[] => {
    const validate = ajv.getSchema(`document#${place}`);
    if (!validate) return [`there is no schema at ${place}`];
    return validate(value) ? [] : [validate.errors];
  };
}

/** A step of a JSON pointer (RFC 6901), as a URI's fragment has it. */
export const step = (name: string) => `/${encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"))}`;
