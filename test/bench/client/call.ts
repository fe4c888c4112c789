import { Agent, request } from "node:http";

/** Drops connections that have been idle for so long, before the server does. */
const MAX_IDLE_MS = 1000;
const agent = new Agent({ keepAlive: true, timeout: MAX_IDLE_MS });

export interface HttpCall {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
}

/** @returns The answer's body. @throws when the status is not 2xx. */
export async function call(url: string, { method, path, headers = {}, body = "" }: HttpCall): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const length = { "Content-Length": Buffer.byteLength(body) };
  const outgoing = request(
    new URL(path, url).href,
    { method, headers: { ...headers, ...length }, agent },
    (response) => {
      const status = response.statusCode ?? 0;
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("error", reject);
      response.on("end", () => {
        if (status >= 200 && status < 300) resolve(text);
        else reject(new Error(`${method} ${path} was answered ${status}: ${text}`));
      });
    },
  );
  outgoing.on("error", reject).end(body);
  return promise;
}
