/** How long a task keeps its slot. One that hangs continues without it, so that it does not delay the others. */
const SLOT_HOLD_MS = 1000;
/** Tasks that go on without a slot, in all lanes. With six slots, 64 pushes of 256 KB hang at most: 16 MB of memory. */
const MAX_OVERDUE = 58;

interface LaneState {
  free: number;
  waiting: (() => void)[];
}

/** Lets a limited number of tasks start at a time in each lane; the others wait their turn. */
export class Slots<Lane extends string> {
  readonly #lanes: Record<Lane, LaneState>;
  #overdue = 0;

  /** @param counts The slots of each lane. */
  constructor(counts: Record<Lane, number>) {
    const lanes = Object.entries<number>(counts).map(([lane, free]) => [lane, { free, waiting: [] }]);
    this.#lanes = Object.fromEntries(lanes);
  }

  async run<T>(lane: Lane, task: () => Promise<T>): Promise<T> {
    const state = this.#lanes[lane];
    if (state.free > 0) state.free--;
    else await new Promise<void>((resolve) => state.waiting.push(resolve));
    let isOverdue = false;
    const timer = setInterval(() => {
      if (this.#overdue === MAX_OVERDUE) return;
      clearInterval(timer);
      isOverdue = true;
      this.#overdue++;
      release(state);
    }, SLOT_HOLD_MS);
    try {
      return await task();
    } finally {
      clearInterval(timer);
      if (isOverdue) this.#overdue--;
      else release(state);
    }
  }
}

function release(lane: LaneState): void {
  const next = lane.waiting.shift();
  if (next) next();
  else lane.free++;
}
