import { leakIn } from "./log-guard.ts";
import "./known-payloads.ts";

/**
 * What the runtime prints by itself, such as an error that nobody caught, passes no console: the process that shows the
 * results writes it to its own output. All of that is judged here, and a run that leaked fails.
 */
export function setup(): () => void {
  const leaks: string[] = [];
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write.bind(stream);
    // `write` is overloaded; whichever way it is called, the text comes first.
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
