import { historyOf } from './history.js';
import { brokenBy, copyOf, type Model, type Scenario, stepsFrom } from './model.js';

export interface Exploration {
  readonly states: number;
  /** How many of them are at rest; where none is, nothing was said about rest. */
  readonly rests: number;
  /** The promise that was broken, and one of the shortest histories that break it. */
  readonly violation?: { readonly promise: string; readonly history: readonly string[] };
}

/** Scenarios of one protocol, ready to be explored with all of its protections or without one. */
export interface Protocol {
  readonly protections: readonly string[];
  readonly scenarios: readonly {
    readonly name: string;
    readonly proves: readonly string[];
    explore(without?: string): Exploration;
  }[];
}

/** More are a model that has lost its bounds. */
const MAX_STATES = 500_000;

export function protocol<Protection extends string, S extends Scenario<Protection>, State extends object>(
  protections: readonly Protection[],
  scenarios: readonly S[],
  modelOf: (scenario: S, has: (protection: Protection) => boolean) => Model<State>,
): Protocol {
  return {
    protections,
    scenarios: scenarios.map((scenario) => ({
      name: scenario.name,
      proves: scenario.proves,
      explore: (without) => explore(modelOf(scenario, (protection) => protection !== without)),
    })),
  };
}

/** Visits every state that can be reached, nearest first, until a promise is broken. */
export function explore<State extends object>(model: Model<State>): Exploration {
  const seen = new Set([JSON.stringify(model.initial)]);
  /** For each state the one it was first reached from, and by which of the steps offered there. */
  const origins = [{ from: -1, step: -1 }];
  let rests = 0;
  const violated = (promise: string, path: readonly number[]): Exploration => ({
    states: seen.size,
    rests,
    violation: { promise, history: historyOf(model, path) },
  });
  const pathTo = (state: number): number[] => {
    const { from, step } = origins[state]!;
    return from === -1 ? [] : [...pathTo(from), step];
  };
  let nearest = [model.initial];
  for (let first = 0; nearest.length > 0;) {
    const next: State[] = [];
    for (const [offset, state] of nearest.entries()) {
      const from = first + offset;
      const steps = stepsFrom(model, state);
      for (const [step, { change }] of steps.entries()) {
        const reached = copyOf(state);
        const promise = brokenBy(change, reached);
        if (promise !== undefined) return violated(promise, [...pathTo(from), step]);
        const key = JSON.stringify(reached);
        if (seen.has(key)) continue;
        seen.add(key);
        origins.push({ from, step });
        next.push(reached);
      }
      if (seen.size > MAX_STATES) throw new Error(`There are more than ${MAX_STATES} states.`);
      if (steps.length > 0) continue;
      rests += 1;
      const promise = model.atRest?.(state);
      if (promise !== undefined) return violated(promise, pathTo(from));
    }
    first += nearest.length;
    nearest = next;
  }
  return { states: seen.size, rests };
}
