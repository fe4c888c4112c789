import { vi } from "vitest";
import type { Env } from "../../src/config/env.ts";
import { app } from "../../src/edge/app.ts";
import { ORIGIN } from "./service.ts";

/** A service with settings of its own, and the hosts that it fetches keys from. */

/**
 * Answers everything that the service fetches, in place of real hosts, until `vi.restoreAllMocks()`.
 * @returns The requests so far.
 */
export function answerFetches(answer: (request: Request) => Response | Promise<Response>): Request[] {
  const fetched: Request[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input as string, init as RequestInit);
    fetched.push(request);
    return answer(request);
  });
  return fetched;
}

/** Opens a WebSocket with the token in the query, at a service with these settings. */
export async function handshakeAt(settings: Env, path: string, token: string): Promise<Response> {
  const init = { headers: { Upgrade: "websocket" } };
  return app.fetch(new Request(`${ORIGIN}/api/v1/ws/${path}?token=${token}`, init), settings);
}
