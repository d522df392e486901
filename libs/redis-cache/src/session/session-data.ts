import { types } from 'node:util';
import { parse } from 'secure-json-parse';
import { InvalidArgumentError } from '../errors.js';

/** What a session holds when the application names no type: fields of plain JSON. */
export type SessionData = Record<string, unknown>;

/**
 * A change of top-level fields, which can be made to data that others have changed meanwhile: from one state of the data to
 * another, or new values by name.
 */
export type SessionPatch = { readonly from: string; readonly to: string } | FieldPatch;

interface FieldPatch {
  /** By name, the JSON of the new values. */
  readonly set: ReadonlyMap<string, string>;
  readonly removed: readonly string[];
}

/** The data as they are stored. @throws InvalidArgumentError naming what would not come back as it is. */
export function encodeData(data: object): string {
  return encodeFields(fieldsOf(data));
}

/** A copy that nobody else holds. `__proto__`, and what else would reach a prototype, is left out. */
export function decodeData(json: string): SessionData {
  return parse(json, { protoAction: 'remove', constructorAction: 'remove' }) as SessionData;
}

/** How `data` differ from what was stored; `undefined` when they do not. */
export function changesOf(stored: string, data: object): SessionPatch | undefined {
  // Fields keep their order, so that unchanged data are told by one comparison.
  if (JSON.stringify(data) === stored) return undefined;
  const to = encodeData(data);
  return to === stored ? undefined : { from: stored, to };
}

/** The fields named in `changes`; one that is `undefined` is removed. */
export function patchOf(changes: object): SessionPatch {
  const set = fieldsOf(changes);
  return { set, removed: Object.keys(changes).filter((name) => !set.has(name)) };
}

export function applyPatch(stored: string, patch: SessionPatch): string {
  if ('to' in patch && patch.from === stored) return patch.to;
  const { set, removed } = 'to' in patch ? fieldPatch(jsonFields(patch.from), jsonFields(patch.to)) : patch;
  const fields = jsonFields(stored);
  for (const name of removed) fields.delete(name);
  for (const [name, json] of set) fields.set(name, json);
  return encodeFields(fields);
}

function fieldPatch(from: ReadonlyMap<string, string>, to: ReadonlyMap<string, string>): FieldPatch {
  return {
    set: new Map([...to].filter(([name, json]) => from.get(name) !== json)),
    removed: [...from.keys()].filter((name) => !to.has(name)),
  };
}

function jsonFields(json: string): Map<string, string> {
  return new Map(Object.entries(decodeData(json)).map(([name, value]) => [name, JSON.stringify(value)]));
}

function fieldsOf(data: object): Map<string, string> {
  const fields = new Map<string, string>();
  for (const [name, value] of Object.entries(data) as [string, unknown][]) {
    if (value === undefined || name === '__proto__') continue;
    assertJson(value, name, new Set());
    fields.set(name, JSON.stringify(value));
  }
  return fields;
}

function encodeFields(fields: ReadonlyMap<string, string>): string {
  return `{${[...fields].map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`;
}

/** Refuses what JSON would change silently: a session must give back what was put into it. */
function assertJson(value: unknown, path: string, ancestors: Set<object>): void {
  const problem = problemOf(value, ancestors);
  if (problem !== undefined) {
    throw new InvalidArgumentError(
      `Session data: ${path} is ${problem}. Store JSON: text, numbers, plain objects, lists.`,
    );
  }
  if (typeof value !== 'object' || value === null) return;
  ancestors.add(value);
  for (const [name, child] of Object.entries(value) as [string, unknown][]) {
    // Absent and undefined are the same in an object; a list would get null.
    if (child !== undefined || Array.isArray(value)) assertJson(child, `${path}.${name}`, ancestors);
  }
  ancestors.delete(value);
}

function problemOf(value: unknown, ancestors: ReadonlySet<object>): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : String(value);
    case 'object':
      return value === null ? undefined : objectProblemOf(value, ancestors);
    default:
      return value === undefined ? 'undefined in a list' : `a ${typeof value}`;
  }
}

function objectProblemOf(value: object, ancestors: ReadonlySet<object>): string | undefined {
  if (ancestors.has(value)) return 'a cycle';
  if (Array.isArray(value)) return undefined;
  if (types.isDate(value)) return 'a Date';
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return undefined;
  return `an instance of ${value.constructor.name || 'a class'}`;
}
