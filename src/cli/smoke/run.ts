import { randomUUID } from "node:crypto";
import { EVENTS, type EventType } from "../../protocol/events.ts";
import { PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import { publishPath } from "../../sdk/publisher/wire.ts";
import { type ChannelRef, channelArgument } from "../shared/channel-argument.ts";
import { mintToken } from "../shared/mint.ts";
import { orderPath, socketPath } from "../shared/paths.ts";
import { type Answer, ServiceClient } from "../shared/service.ts";
import type { Setting } from "../shared/settings.ts";
import { SmokeListener } from "./listener.ts";

export interface SmokeSetup {
  /** Holds the publish key. */
  service: ServiceClient;
  /** Signs the listeners' tokens. */
  secret: Setting;
  timeoutMs: number;
}

/** One smoke test: names that no shop or other run uses, and methods that listen and publish under these names. */
export class SmokeRun {
  readonly id = randomUUID().slice(0, 8);
  readonly owner = `smoke-owner-${this.id}`;
  readonly productId = `smoke-${this.id}`;
  readonly order = channelArgument(randomUUID());
  readonly orderPath = orderPath(this.order.orderId ?? "");
  readonly products = channelArgument(PRODUCTS_CHANNEL);
  readonly service: ServiceClient;
  readonly timeoutMs: number;
  readonly secret: Setting;
  readonly #listeners: SmokeListener[] = [];

  constructor({ service, secret, timeoutMs }: SmokeSetup) {
    this.service = service;
    this.timeoutMs = timeoutMs;
    this.secret = secret;
  }

  /** Connects as a browser would, with the token in the URL. @param user Null to connect without a token. */
  async listen(
    name: string,
    path: string,
    user: { subject: string; role?: string } | null,
    parameters: Record<string, string> = {},
  ): Promise<SmokeListener> {
    const token = user && (await mintToken(user, this.secret.value)).token;
    const url = this.service.socketUrl(path, { ...(token && { token }), ...parameters });
    const listener = new SmokeListener(name, url, this.timeoutMs);
    this.#listeners.push(listener);
    return listener;
  }

  listenAsAdmin = () =>
    this.listen("admin", socketPath(this.order), { subject: `smoke-admin-${this.id}`, role: "admin" });

  /** Listens to one product, so that a real shop's events do not interfere. */
  listenToProduct = (name: string, productId: string) =>
    this.listen(name, socketPath(this.products), { subject: `smoke-customer-${this.id}` }, { product_id: productId });

  channelOf(type: EventType): ChannelRef {
    return EVENTS[type].channel === "order" ? this.order : this.products;
  }

  eventId = (type: EventType) => `smoke-${this.id}-${type}`;

  /** Returns the catalogue's example for this run's order or product, plus a field that no schema knows. */
  eventData(type: EventType): Record<string, unknown> {
    const subject =
      EVENTS[type].channel === "order" ? { order_id: this.order.orderId } : { product_id: this.productId };
    return { ...EVENTS[type].example, ...subject, smoke_run: this.id };
  }

  publish(
    type: EventType,
    data = this.eventData(type),
    id = this.eventId(type),
    service = this.service,
  ): Promise<Answer> {
    return service.request("POST", publishPath(this.channelOf(type).name), { type, data, id });
  }

  /** Returns a client of the same service with a wrong publish key. */
  withWrongKey(): ServiceClient {
    return new ServiceClient(this.service.url, { value: `wrong-${randomUUID()}`, source: "the smoke test" });
  }

  /** Closes the sockets and deletes the order. */
  async cleanUp(): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    // Fails harmlessly when the order is already deleted, or the service is down.
    await this.service.request("DELETE", this.orderPath).catch(() => {});
  }
}
