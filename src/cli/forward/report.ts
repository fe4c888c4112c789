import { printable } from "../shared/printable.ts";
import type { Terminal } from "../shared/terminal.ts";

/** The counters and their help texts. */
const FORWARD_COUNTS = {
  received: "Messages received.",
  published: "Messages that the service accepted.",
  skipped: "Messages that are not valid events.",
  failed: "Messages whose publish call the service refused.",
  dropped: "Messages dropped because too many waited for the service or the lock.",
  disconnects: "Lost connections to Redis. Messages published while disconnected are lost.",
} as const;

type CountName = keyof typeof FORWARD_COUNTS;
const COUNT_NAMES = Object.keys(FORWARD_COUNTS) as CountName[];
const noCounts = () => Object.fromEntries(COUNT_NAMES.map((name) => [name, 0])) as Record<CountName, number>;

type AwaitedByMessages = "service" | "lock";

const LINE_INTERVAL_MS = 60_000;
/** Bounds the lines about single messages. */
const MAX_LINES_PER_MINUTE = 100;
/** Bounds the names of channels and fields in a line: publishers choose them. */
const MAX_TEXT_LENGTH = 300;

/** Counts messages by outcome. Prints a line per minute, per change of state, and per message that is not published. */
export class ForwardReport {
  /** How many messages are held until it is certain which instance has the lock. */
  held = 0;
  readonly #terminal: Pick<Terminal, "out" | "note">;
  readonly #isJson: boolean;
  readonly #route: string;
  readonly #waiting: () => number;
  readonly #total = noCounts();
  readonly #timer: ReturnType<typeof setInterval>;
  #lastMinute = noCounts();
  #lines = 0;
  /** What messages were dropped for in this minute. */
  readonly #droppedFor = new Set<AwaitedByMessages>();
  #state: "disconnected" | "standby" | "forwarding" = "disconnected";

  /**
   * @param route Names the source and the destination.
   * @param waiting Returns how many messages wait for the service.
   */
  constructor(terminal: Pick<Terminal, "out" | "note">, isJson: boolean, route: string, waiting: () => number) {
    this.#terminal = terminal;
    this.#isJson = isJson;
    this.#route = route;
    this.#waiting = waiting;
    this.#timer = setInterval(() => this.#minute(), LINE_INTERVAL_MS);
  }

  count(name: CountName): void {
    this.#total[name]++;
    this.#lastMinute[name]++;
  }

  /** Counts a message that was not published, and prints why. */
  unpublished(name: "skipped" | "failed", channel: string, reason: string): void {
    this.count(name);
    if (++this.#lines > MAX_LINES_PER_MINUTE) return;
    const what = name === "failed" ? "failed to publish" : name;
    const where = printable(JSON.stringify(short(channel)));
    this.#terminal.note(`${what} a message on ${where}: ${printable(short(reason))}`);
  }

  /** Counts a message for which there is no room, and prints once a minute what the others wait for. */
  dropped(awaited: AwaitedByMessages = "service"): void {
    this.count("dropped");
    if (this.#droppedFor.has(awaited)) return;
    this.#droppedFor.add(awaited);
    this.#terminal.note(`too many messages wait for the ${awaited}: new ones are dropped`);
  }

  forwarding(): void {
    this.#state = "forwarding";
    this.#terminal.note(`forwarding ${this.#route}`);
  }

  /** @param holder The process that forwards. */
  onStandby(holder: string): void {
    if (this.#state === "standby") return;
    this.#state = "standby";
    this.#terminal.note(`on standby: ${holder} forwards already; this instance takes over when it ends`);
  }

  disconnected(reason: string): void {
    if (this.#state === "forwarding") this.count("disconnects");
    this.#state = "disconnected";
    this.#terminal.note(`no connection to Redis: ${reason}; messages are lost until there is one`);
  }

  service(isUp: boolean, reason: string): void {
    const news = isUp ? "the service answers again" : `the service does not answer: ${reason}; messages wait for it`;
    this.#terminal.note(news);
  }

  /** Prints the totals. */
  end(): void {
    clearInterval(this.#timer);
    this.#print("stopped", this.#total, "in total");
  }

  /** In Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/). */
  get metrics(): string {
    const isActive = this.#state === "forwarding" ? 1 : 0;
    return [
      ...COUNT_NAMES.map((name) =>
        metricText(`tidings_forward_${name}_total`, "counter", FORWARD_COUNTS[name], this.#total[name]),
      ),
      metricText("tidings_forward_waiting", "gauge", "Messages that wait for the service.", this.#waiting()),
      // Published in 0.2.0, so its name stays.
      metricText(
        "tidings_forward_unsure",
        "gauge",
        "Messages held until it is certain which instance has the lock.",
        this.held,
      ),
      metricText(
        "tidings_forward_active",
        "gauge",
        "1 while this instance forwards, 0 on standby or disconnected.",
        isActive,
      ),
    ].join("");
  }

  #minute(): void {
    this.#print(this.#state, this.#lastMinute, "in the last minute");
    const left = this.#lines - MAX_LINES_PER_MINUTE;
    if (left > 0) this.#terminal.note(`${left} more lines about single messages were left out`);
    this.#lines = 0;
    this.#droppedFor.clear();
    this.#lastMinute = noCounts();
  }

  #print(state: string, counts: Record<CountName, number>, span: string): void {
    const waiting = this.#waiting();
    const text = `${COUNT_NAMES.map((name) => `${counts[name]} ${name}`).join(", ")} ${span}; ${waiting} waiting`;
    this.#terminal.out(this.#isJson ? JSON.stringify({ state, ...counts, waiting }) : `${state}: ${text}`);
  }
}

const metricText = (name: string, type: string, help: string, value: number) =>
  `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value}\n`;

const short = (text: string) => text.slice(0, MAX_TEXT_LENGTH);
