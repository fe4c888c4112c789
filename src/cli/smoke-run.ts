import { randomUUID } from "node:crypto";
import { EVENTS, type EventType } from "../protocol/events.ts";
import { PRODUCTS_CHANNEL } from "../protocol/names.ts";
import { type Channel, channelArgument, publishPath, socketPath } from "./channel-argument.ts";
import { mintToken } from "./mint.ts";
import { type Answer, orderPath, Service } from "./service.ts";
import type { Setting } from "./settings.ts";
import { SmokeListener } from "./smoke-listener.ts";

/** What a smoke test needs from outside. */
export interface SmokeSetup {
  /** With the publish key. */
  service: Service;
  /** Signs the listeners' tokens. */
  secret: Setting;
  timeoutMs: number;
}

/** Names that no other run and no shop has, and the means to act under them. Tidies up behind itself. */
export class SmokeRun {
  readonly id = randomUUID().slice(0, 8);
  readonly owner = `smoke-owner-${this.id}`;
  readonly productId = `smoke-${this.id}`;
  readonly order = channelArgument(randomUUID());
  readonly orderPath = orderPath(this.order.orderId ?? "");
  readonly products = channelArgument(PRODUCTS_CHANNEL);
  readonly service: Service;
  readonly timeoutMs: number;
  readonly secret: Setting;
  readonly #opened: SmokeListener[] = [];

  constructor({ service, secret, timeoutMs }: SmokeSetup) {
    this.service = service;
    this.timeoutMs = timeoutMs;
    this.secret = secret;
  }

  /** Connects as a browser would, with the token in the URL. */
  async listen(
    name: string,
    path: string,
    who: { subject: string; role?: string } | null,
    parameters: Record<string, string> = {},
  ): Promise<SmokeListener> {
    const token = who && (await mintToken(who, this.secret.value)).token;
    const url = this.service.socketUrl(path, { ...(token && { token }), ...parameters });
    const listener = new SmokeListener(name, url, this.timeoutMs);
    this.#opened.push(listener);
    return listener;
  }

  listenAsAdmin = (path = socketPath(this.order)) =>
    this.listen("admin", path, { subject: `smoke-admin-${this.id}`, role: "admin" });

  /** A listener to one product: a real shop's events on a deployment stay out of the way. */
  listenToProduct = (name: string, productId: string) =>
    this.listen(name, socketPath(this.products), { subject: `smoke-customer-${this.id}` }, { product_id: productId });

  channelOf(type: EventType): Channel {
    return EVENTS[type].channel === "order" ? this.order : this.products;
  }

  eventId = (type: EventType) => `smoke-${this.id}-${type}`;

  /** The catalogue's example, about this run's order or product, with a field that no schema knows. */
  eventData(type: EventType): Record<string, unknown> {
    const about = EVENTS[type].channel === "order" ? { order_id: this.order.orderId } : { product_id: this.productId };
    return { ...EVENTS[type].example, ...about, smoke_run: this.id };
  }

  publish(
    type: EventType,
    data = this.eventData(type),
    id = this.eventId(type),
    service = this.service,
  ): Promise<Answer> {
    return service.request("POST", publishPath(this.channelOf(type)), { type, data, id });
  }

  /** The service as one with a wrong key meets it. */
  withWrongKey(): Service {
    return new Service(this.service.url, { value: `wrong-${randomUUID()}`, source: "the smoke test" });
  }

  async tidyUp(): Promise<void> {
    for (const listener of this.#opened) listener.close();
    // Gone already when all went well; not there when the service is down.
    await this.service.request("DELETE", this.orderPath).catch(() => {});
  }
}
