import { randomUUID } from "node:crypto";
import { EVENTS, type EventType, eventTypesOf } from "../../protocol/events.ts";
import { type ChannelName, orderChannelName, PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import { orderPath, publishPath, socketPath } from "../../protocol/paths.ts";
import { CommandError } from "../shared/command-error.ts";
import { type Answer, ServiceClient } from "../shared/service.ts";
import { CheckFailure } from "./check.ts";
import { SmokeListener } from "./listener.ts";
import type { SmokeUser, SmokeUsers } from "./users.ts";

interface SmokeSetup {
  /** Holds the publish key. */
  service: ServiceClient;
  /** @param id The run's. */
  users: (id: string) => SmokeUsers;
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
  readonly productId = `smoke-${this.id}`;
  /** The customer's order. */
  readonly orderId = randomUUID();
  readonly orderChannel = orderChannelName(this.orderId);
  readonly orderPath = orderPath(this.orderId);
  /** An order of another user. */
  readonly othersOrderId = randomUUID();
  readonly users: SmokeUsers;
  readonly service: ServiceClient;
  readonly timeoutMs: number;
  readonly #listeners: SmokeListener[] = [];
  /** Orders that may exist at the service. */
  readonly #orders = new Set<string>();
  /** Whether the product may be on open pages. */
  #isProductListed = false;
  #isStopped = false;

  constructor({ service, users, timeoutMs }: SmokeSetup) {
    this.service = service;
    this.timeoutMs = timeoutMs;
    this.users = users(this.id);
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Makes the remaining checks fail immediately. */
  stop(): void {
    this.#isStopped = true;
    this.#closeListeners();
  }

  /** @throws {CheckFailure} once the run was stopped. */
  expectNotStopped(): void {
    if (this.#isStopped) throw new CheckFailure("interrupted");
  }

  /** Connects as a browser would, with the token in the URL. @param user Null to connect without a token. */
  async listen(
    name: string,
    path: string,
    user: SmokeUser | null,
    parameters: Record<string, string> = {},
  ): Promise<SmokeListener> {
    const token = await user?.token();
    this.expectNotStopped();
    const url = this.service.socketUrl(path, { ...(token && { token }), ...parameters });
    const listener = new SmokeListener(name, url, this.timeoutMs);
    this.#listeners.push(listener);
    return listener;
  }

  /** Listens to one product, so that a real shop's events do not interfere. */
  listenToProduct = (name: string, productId: string) =>
    this.listen(name, socketPath(PRODUCTS_CHANNEL), this.users.customer, { product_id: productId });

  channelOf(type: EventType): ChannelName {
    return EVENTS[type].channel === "order" ? this.orderChannel : PRODUCTS_CHANNEL;
  }

  eventId = (type: EventType) => `smoke-${this.id}-${type}`;

  /** Returns the catalogue's example for this run's order or product, plus a field that no schema knows. */
  eventData(type: EventType): Record<string, unknown> {
    const subject = EVENTS[type].channel === "order" ? { order_id: this.orderId } : { product_id: this.productId };
    return { ...EVENTS[type].example, ...subject, smoke_run: this.id };
  }

  async publish(
    type: EventType,
    data = this.eventData(type),
    id = this.eventId(type),
    service = this.service,
  ): Promise<Answer> {
    this.expectNotStopped();
    return this.#publish(type, data, id, service);
  }

  async #publish(type: EventType, data: unknown, id: string, service: ServiceClient): Promise<Answer> {
    const wasListed = this.#isProductListed;
    const isAboutProduct = EVENTS[type].channel === "products";
    // Without an answer, the event may have been published.
    if (isAboutProduct) this.#isProductListed = true;
    const answer = await service.request("POST", publishPath(this.channelOf(type)), { type, data, id });
    if (isAboutProduct && answer.status < 500) {
      this.#isProductListed = answer.status < 300 ? type !== "product_deleted" : wasListed;
    }
    return answer;
  }

  /** Registers an order, or corrects it. @returns The answer's status. @throws {CommandError} when it is refused. */
  async register(orderId: string, userId: string): Promise<number> {
    this.expectNotStopped();
    const registration = { user_id: userId, status: "pending", payment_status: "pending" };
    // Without an answer, the order may have been registered.
    this.#orders.add(orderId);
    try {
      return (await this.service.call("PUT", orderPath(orderId), registration)).status;
    } catch (error) {
      if (error instanceof CommandError && Number(error.details.status) < 500) this.#orders.delete(orderId);
      throw error;
    }
  }

  /** Deletes an order. @returns The answer's status. */
  async deleteOrder(orderId: string): Promise<number> {
    const { status } = await this.service.request("DELETE", orderPath(orderId));
    if (status === 204 || status === 404) this.#orders.delete(orderId);
    return status;
  }

  /** Returns a client of the same service with a wrong publish key. */
  withWrongKey(): ServiceClient {
    return new ServiceClient(this.service.url, { value: `wrong-${randomUUID()}`, source: "the smoke test" });
  }

  /**
   * Closes the sockets and deletes what the checks left at the service.
   * @returns What could not be deleted.
   */
  async cleanUp(): Promise<string[]> {
    this.#closeListeners();
    for (const orderId of this.#orders) await this.deleteOrder(orderId).catch(() => {});
    if (this.#isProductListed) {
      const type = "product_deleted";
      await this.#publish(type, this.eventData(type), this.eventId(type), this.service).catch(() => {});
    }
    return [
      ...[...this.#orders].map((orderId) => `order ${orderId}`),
      ...(this.#isProductListed ? [`product ${this.productId}`] : []),
    ];
  }

  #closeListeners(): void {
    for (const listener of this.#listeners) listener.close();
  }
}
