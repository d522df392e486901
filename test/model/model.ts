/** Offers a step: what it is called in a history, and how it changes the copy of the state it is given. */
export type Step<State> = (name: string, change: (next: State) => void) => void;

/**
 * A protocol as a state machine over plain data. Whatever processes, Redis and the network may do next is offered side by
 * side, so that every order in which it can happen is a history.
 */
export interface Model<State extends object> {
  readonly initial: State;
  offer(state: State, step: Step<State>): void;
  /** Says what is wrong with a state in which nothing can happen any more. */
  atRest?(state: State): string | undefined;
}

/** Who takes part and what is done, small enough that every history can be visited. */
export interface Scenario<Protection extends string> {
  readonly name: string;
  /** Without any one of these a promise is broken here. */
  readonly proves: readonly Protection[];
}

class BrokenPromise extends Error {}

/** To be called by a step that finds a promise broken. */
export function broken(promise: string): never {
  throw new BrokenPromise(promise);
}

/** Takes a step, and says which promise it found broken, if any. */
export function brokenBy<State>(change: (next: State) => void, next: State): string | undefined {
  try {
    change(next);
    return undefined;
  } catch (error) {
    if (error instanceof BrokenPromise) return error.message;
    throw error;
  }
}

export function stepsFrom<State extends object>(model: Model<State>, state: State) {
  const steps: { name: string; change: (next: State) => void }[] = [];
  model.offer(state, (name, change) => steps.push({ name, change }));
  return steps;
}

export function copyOf<T extends object>(value: T): T {
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as T;
  for (const name in copy) {
    const part: unknown = copy[name];
    if (typeof part === 'object' && part !== null) copy[name] = copyOf(part) as T[typeof name];
  }
  return copy;
}
