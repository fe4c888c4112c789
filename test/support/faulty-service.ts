import { afterAll, beforeAll, beforeEach } from "vitest";
import { createPublisher, PublishError, type PublisherOptions } from "../../src/sdk/publisher/publisher.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { PUBLISH_KEY } from "./test-env.ts";
import { startTidings, type Workerd } from "./workerd.ts";

/** A service behind a proxy that injects failures, for the publishers' tests. */
export class FaultyService {
  #service: Workerd | undefined;
  #proxy: FaultProxy | undefined;
  #proxyUrl = "";
  /** The requests that reached the proxy in the current test. */
  readonly requests: { path: string; body: string }[] = [];

  /** The service itself, without faults. */
  get url(): string {
    return started(this.#service).url;
  }
  get proxy(): FaultProxy {
    return started(this.#proxy);
  }
  get proxyUrl(): string {
    return this.#proxyUrl;
  }
  get bodies(): string[] {
    return this.requests.map(({ body }) => body);
  }

  async start(): Promise<void> {
    this.#service = await startTidings();
    this.#proxy = new FaultProxy(this.#service.url);
    this.#proxyUrl = await this.#proxy.listen();
  }

  async stop(): Promise<void> {
    await this.#proxy?.close();
    await this.#service?.stop();
  }

  reset(): void {
    this.requests.length = 0;
    this.proxy.fault = "none";
    this.failOnly(() => true);
  }

  /** Applies the current fault to the requests with these numbers only: 1 is the first of the test. */
  failOnly(isFaulty: (number: number) => boolean): void {
    this.proxy.applies = (body, path) => isFaulty(this.requests.push({ path, body }));
  }

  publisher(options: Partial<PublisherOptions> = {}) {
    return createPublisher({ url: this.#proxyUrl, key: PUBLISH_KEY, ...options });
  }
}

function started<T>(part: T | undefined): T {
  if (part === undefined) throw new Error("the service is not started");
  return part;
}

/** Starts a service for the tests of a file or of a `describe`. */
export function withFaultyService(): FaultyService {
  const service = new FaultyService();
  beforeAll(() => service.start());
  afterAll(() => service.stop());
  beforeEach(() => service.reset());
  return service;
}

/** Returns the error with which a publish fails. */
export async function failureOf(publishing: Promise<unknown>): Promise<PublishError> {
  const error = await publishing.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof PublishError) return error;
  throw new Error(`no PublishError: ${error}`);
}
