import { brokenBy, copyOf, type Model, stepsFrom } from './model.js';

/** What happened along a path, a line for each step with what it changed. `path` numbers the steps offered. */
export function historyOf<State extends object>(model: Model<State>, path: readonly number[]): string[] {
  let state = model.initial;
  return path.map((chosen, index) => {
    const { name, change } = stepsFrom(model, state)[chosen]!;
    const next = copyOf(state);
    const promise = brokenBy(change, next);
    const changes = promise === undefined ? differences(state, next) : [`✖ ${promise}`];
    state = next;
    return `${String(index + 1).padStart(3)}. ${name.padEnd(60)}  ${changes.join(', ')}`;
  });
}

function differences(before: unknown, after: unknown, path: readonly string[] = []): string[] {
  if (!isObject(before) || !isObject(after)) {
    return before === after ? [] : [`${path.join('.')} = ${JSON.stringify(after) ?? 'gone'}`];
  }
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => differences(before[name], after[name], [...path, name]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
