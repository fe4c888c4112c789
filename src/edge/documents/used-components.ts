import { isRecord } from "../../protocol/json.ts";
import type { JsonObject } from "./json-schema.ts";

/**
 * Returns a document's components without those that nothing refers to. Security schemes are kept: they are named, not
 * referred to.
 * @param root The rest of the document.
 */
export function usedComponents(root: JsonObject, components: Record<string, JsonObject>): JsonObject {
  const used = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    if (!isRecord(value)) return;
    for (const [key, part] of Object.entries(value)) {
      if (key === "$ref" && typeof part === "string") follow(part);
      else visit(part);
    }
  };
  const follow = (reference: string): void => {
    if (used.has(reference)) return;
    used.add(reference);
    const [kind = "", name = ""] = reference.replace("#/components/", "").split("/");
    visit(components[kind]?.[name]);
  };
  visit(root);
  return Object.fromEntries(
    Object.entries(components).map(([kind, parts]) => [
      kind,
      kind === "securitySchemes"
        ? parts
        : Object.fromEntries(Object.entries(parts).filter(([name]) => used.has(`#/components/${kind}/${name}`))),
    ]),
  );
}
