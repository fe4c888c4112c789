import { leakIn, rememberExamples } from "./rules.ts";

/**
 * Vitest global setup: checks everything the run prints. The runtime's own output, such as an uncaught error, bypasses
 * the console; the process that shows the results writes it to its own streams.
 */
export function setup(): () => void {
  rememberExamples();
  const leaks: string[] = [];
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write.bind(stream);
    // `write` is overloaded; in every overload the text comes first.
    stream.write = ((text: string | Uint8Array, ...rest: [never]) => {
      const leak = leakIn(typeof text === "string" ? text : Buffer.from(text).toString());
      if (leak) leaks.push(leak);
      return write(text, ...rest);
    }) as typeof stream.write;
  }
  return () => {
    if (leaks.length > 0) throw new Error(`the run printed what it must not print: ${leaks.join(", ")}`);
  };
}
