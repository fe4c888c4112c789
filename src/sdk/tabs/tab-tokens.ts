import type { Token } from "../connection/machine-state.ts";
import { parseToken } from "../connection/token.ts";
import type { GetToken } from "../connection/types.ts";

/** The tokens for the sockets of a tab: its page's own, or one that another tab handed in. */
export class TabTokens {
  /** Another tab's token, for the next request only. */
  handedIn: string | null = null;
  /** Requests that failed in a row. */
  failures = 0;
  readonly #getToken: GetToken;
  #inFlight: Promise<string> | undefined;

  constructor(getToken: GetToken) {
    this.#getToken = getToken;
  }

  /** Calls `getToken`. Callers meanwhile share the call in flight. */
  fetch(): Promise<string> {
    this.#inFlight ??= Promise.resolve()
      .then(() => this.#getToken())
      .finally(() => {
        this.#inFlight = undefined;
      });
    return this.#inFlight;
  }

  /** Calls `getToken` after any call in flight, which may return an older token. */
  async fetchFresh(): Promise<string> {
    await this.#inFlight?.catch(() => {});
    return this.fetch();
  }

  /**
   * Returns the token that was handed in, or fetches one.
   * @throws {TypeError} for anything but a JWT.
   */
  async next(): Promise<Token> {
    try {
      const { handedIn } = this;
      // Not after the call: a token that is handed in meanwhile is for the next request.
      this.handedIn = null;
      const token = parseToken(handedIn ?? (await this.fetch()));
      this.failures = 0;
      return token;
    } catch (error) {
      this.failures++;
      throw error;
    }
  }
}
