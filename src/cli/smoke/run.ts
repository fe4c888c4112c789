import { randomUUID } from "node:crypto";
import { EVENTS, type EventType, eventTypesOf } from "../../protocol/events.ts";
import { type ChannelName, orderChannelName, PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import { orderPath, publishPath, socketPath } from "../../protocol/paths.ts";
import { mintToken } from "../shared/mint.ts";
import { type Answer, ServiceClient } from "../shared/service.ts";
import type { SigningSecret } from "../shared/settings.ts";
import { SmokeListener } from "./listener.ts";

interface SmokeSetup {
  /** Holds the publish key. */
  service: ServiceClient;
  /** Signs the listeners' tokens. */
  secret: SigningSecret;
  timeoutMs: number;
}

/**
 * In the order of publishing. A product's deletion comes last, because a later event would list it on open pages again.
 */
export const SMOKE_TYPES: EventType[] = [
  ...eventTypesOf("order"),
  ...eventTypesOf("products").filter((type) => type !== "product_deleted"),
  "product_deleted",
];

/** One smoke test: names that no shop or other run uses, and methods that listen and publish under these names. */
export class SmokeRun {
  readonly id = randomUUID().slice(0, 8);
  readonly owner = `smoke-owner-${this.id}`;
  readonly productId = `smoke-${this.id}`;
  readonly orderId = randomUUID();
  readonly orderChannel = orderChannelName(this.orderId);
  readonly orderPath = orderPath(this.orderId);
  readonly service: ServiceClient;
  readonly timeoutMs: number;
  readonly secret: SigningSecret;
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
    const token = user && (await mintToken(user, this.secret)).token;
    const url = this.service.socketUrl(path, { ...(token && { token }), ...parameters });
    const listener = new SmokeListener(name, url, this.timeoutMs);
    this.#listeners.push(listener);
    return listener;
  }

  listenAsAdmin = () =>
    this.listen("admin", socketPath(this.orderChannel), {
      subject: `smoke-admin-${this.id}`,
      role: this.secret.form.adminRole,
    });

  /** Listens to one product, so that a real shop's events do not interfere. */
  listenToProduct = (name: string, productId: string) =>
    this.listen(
      name,
      socketPath(PRODUCTS_CHANNEL),
      { subject: `smoke-customer-${this.id}` },
      { product_id: productId },
    );

  channelOf(type: EventType): ChannelName {
    return EVENTS[type].channel === "order" ? this.orderChannel : PRODUCTS_CHANNEL;
  }

  eventId = (type: EventType) => `smoke-${this.id}-${type}`;

  /** Returns the catalogue's example for this run's order or product, plus a field that no schema knows. */
  eventData(type: EventType): Record<string, unknown> {
    const subject = EVENTS[type].channel === "order" ? { order_id: this.orderId } : { product_id: this.productId };
    return { ...EVENTS[type].example, ...subject, smoke_run: this.id };
  }

  publish(
    type: EventType,
    data = this.eventData(type),
    id = this.eventId(type),
    service = this.service,
  ): Promise<Answer> {
    return service.request("POST", publishPath(this.channelOf(type)), { type, data, id });
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
