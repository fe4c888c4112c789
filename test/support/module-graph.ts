import { dirname, join } from "node:path";

/** Which module imports which, read from source text. */

export interface Import {
  /** The importing file. */
  file: string;
  /** The imported file, as a path like `file`, or the name of a package. */
  target: string;
}

/** `import … from "x"`, `export … from "x"`, `import "x"`, `import("x")` as an expression or a type. */
const SPECIFIER = /(?:^(?:import|export)\b[^;"']*?\bfrom\s*|^import\s*|\bimport\(\s*)["']([^"']+)["']/gm;
const COMMENT = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;

/** @returns Every import of a file, type-only ones included. */
export function importsIn(file: string, source: string): Import[] {
  return [...source.replace(COMMENT, "").matchAll(SPECIFIER)].map(([, name = ""]) => ({
    file,
    target: name.startsWith(".") ? join(dirname(file), name) : name,
  }));
}

/** Finds import cycles (Tarjan's strongly connected components). @returns Each group of files that import each other. */
export function cyclesIn(imports: Import[]): string[][] {
  const targets = Map.groupBy(imports, ({ file }) => file);
  const index = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const cycles: string[][] = [];

  const visit = (file: string): number => {
    const own = index.size;
    index.set(file, own);
    lowest.set(file, own);
    stack.push(file);
    const edges = targets.get(file) ?? [];
    for (const { target } of edges) {
      const reached = index.has(target) ? (stack.includes(target) ? Number(index.get(target)) : own) : visit(target);
      lowest.set(file, Math.min(Number(lowest.get(file)), reached));
    }
    if (lowest.get(file) === own) {
      const group = stack.splice(stack.indexOf(file));
      if (group.length > 1 || edges.some(({ target }) => target === file)) cycles.push(group.sort());
    }
    return Number(lowest.get(file));
  };
  for (const file of targets.keys()) if (!index.has(file)) visit(file);
  return cycles;
}
