/** How long a task keeps its slot. One that hangs goes on without, so that it does not delay the others. */
const SLOT_HOLD_MS = 1000;
/** Tasks that go on without a slot. Bounds the memory that hanging pushes take. */
const MAX_OVERDUE = 58;

/** Lets a limited number of tasks start at a time; the others wait their turn. */
export class Slots {
  #free: number;
  #overdue = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    let isOverdue = false;
    const timer = setTimeout(() => {
      if (this.#overdue === MAX_OVERDUE) return;
      isOverdue = true;
      this.#overdue++;
      this.#release();
    }, SLOT_HOLD_MS);
    try {
      return await task();
    } finally {
      clearTimeout(timer);
      if (isOverdue) this.#overdue--;
      else this.#release();
    }
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
