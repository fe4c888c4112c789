import { MAX_TIMER_MS } from "../../protocol/platform-limits.ts";
import { NEVER } from "./machine-state.ts";

type Tick = { type: "tick" };

/** A running state machine. */
export interface Runner<State, Input> {
  readonly state: State;
  /** Applies an input. */
  take(input: Input): void;
  /** Whether an input of this type is waiting to be applied. */
  isQueued(type: string): boolean;
}

/**
 * Runs a pure state machine: feeds it one input at a time, runs its effects, and ticks at its deadlines.
 * @param step Returns the next state and the effects to run. Its clock is in milliseconds since 1970.
 * @param nextTick Returns when the machine needs its next `tick`, by the same clock, or `NEVER`.
 */
export function runMachine<State, Input extends { type: string }, Effect>(
  initial: State,
  step: (state: State, input: Input | Tick, now: number, random: () => number) => [State, Effect[]],
  nextTick: (state: State) => number,
  run: (effect: Effect) => void,
): Runner<State, Input> {
  let state = initial;
  const inputs: (Input | Tick)[] = [];
  let isBusy = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let lastNow = 0;
  let clockOffsetMs = 0;

  /** Never goes backwards, so that setting the device's clock back does not postpone deadlines. */
  const readClock = () => {
    clockOffsetMs = Math.max(clockOffsetMs, lastNow - Date.now());
    lastNow = Date.now() + clockOffsetMs;
    return lastNow;
  };

  const take = (input: Input | Tick) => {
    inputs.push(input);
    // The page may call the SDK from a callback: finish the current input's effects first.
    if (isBusy) return;
    isBusy = true;
    for (let next = inputs.shift(); next; next = inputs.shift()) {
      const [nextState, effects] = step(state, next, readClock(), Math.random);
      state = nextState;
      for (const effect of effects) run(effect);
    }
    isBusy = false;
    clearTimeout(timer);
    const at = nextTick(state);
    // Node warns about negative delays.
    const delay = Math.max(0, Math.min(at - readClock(), MAX_TIMER_MS));
    if (at !== NEVER) timer = setTimeout(take, delay, { type: "tick" });
  };

  return {
    get state() {
      return state;
    },
    take,
    isQueued: (type) => inputs.some((input) => input.type === type),
  };
}
