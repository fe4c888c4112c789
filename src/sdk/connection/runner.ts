import { MAX_TIMER_MS } from "../../protocol/platform-limits.ts";
import { NEVER } from "./machine-state.ts";

/** Calls a function and logs what it throws: no malformed frame or callback of the page may stop the connection. */
export function guard<T>(call: (value: T) => void, value: T): void {
  try {
    call(value);
  } catch (error) {
    console.error(error);
  }
}

/** The next state while a step computes it, and what the step works with. */
export type DraftOf<State, Effect> = { -readonly [K in keyof State]: State[K] } & {
  readonly effects: Effect[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Returns a new number from 0 up to 1 on each call. */
  readonly random: () => number;
};

/** What a machine does about each type of input. It ignores those that are not listed. */
export type Transitions<Draft, Input extends { type: string }> = {
  readonly [T in Input["type"]]?: (draft: Draft, input: Extract<Input, { type: T }>) => void;
};

type Tick = { type: "tick" };

/** A running state machine. */
export interface Runner<State, Input> {
  readonly state: State;
  /** Applies an input. */
  take(input: Input): void;
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

  /** Never decreases: deadlines must not move away when the device's clock is set back. */
  const readClock = () => {
    clockOffsetMs = Math.max(clockOffsetMs, lastNow - Date.now());
    lastNow = Date.now() + clockOffsetMs;
    return lastNow;
  };

  const apply = (input: Input | Tick) => {
    const [nextState, effects] = step(state, input, readClock(), Math.random);
    state = nextState;
    for (const effect of effects) guard(run, effect);
  };

  const take = (input: Input | Tick) => {
    inputs.push(input);
    // The page may call the SDK from a callback: first the remaining effects, then the next input.
    if (isBusy) return;
    isBusy = true;
    for (let next = inputs.shift(); next; next = inputs.shift()) guard(apply, next);
    isBusy = false;
    clearTimeout(timer);
    const at = nextTick(state);
    if (at !== NEVER) timer = setTimeout(take, Math.max(0, Math.min(at - readClock(), MAX_TIMER_MS)), { type: "tick" });
  };

  return {
    get state() {
      return state;
    },
    take,
  };
}
