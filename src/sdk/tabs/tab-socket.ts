import type { Link, OpenLink, Output } from "../connection/link.ts";
import type { GetToken, Position } from "../connection/types.ts";

/** The socket of a tab, while it has one. Outputs of a former socket are ignored. */
export class TabSocket {
  /** Changes whenever a socket opens or closes, so that late results can be recognised. */
  number = 0;
  link: Link | null = null;
  readonly #open: OpenLink;
  readonly #getToken: GetToken;

  constructor(open: OpenLink, getToken: GetToken) {
    this.#open = open;
    this.#getToken = getToken;
  }

  open(position: Position | null, wasLive: boolean, onOutput: (output: Output) => void): void {
    const number = ++this.number;
    const receive = (output: Output) => {
      if (number === this.number) onOutput(output);
    };
    this.link = this.#open(position, wasLive, receive, this.#getToken);
  }

  close(): void {
    this.number++;
    this.link?.close();
    this.link = null;
  }
}
