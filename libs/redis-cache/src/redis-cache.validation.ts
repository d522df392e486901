import { validateSync, type ValidationError } from 'class-validator';
import { isOptions, kindOf, shown } from './arguments.js';
import { DEFAULT_MAX_TTL_MS, DEFAULT_POLICY, resolvePolicy } from './cache/policy.js';
import { InvalidOptionsError, RedisCacheError } from './errors.js';
import { unknownName } from './nearest.js';
import { clientOptions, type ConnectionOptions } from './redis/connection-options.js';
import type { RedisCacheModuleOptions } from './redis-cache.options.js';
import {
  AlertsRules,
  ConnectionRules,
  HttpRules,
  isDuration,
  isEntryOptionsByName,
  LogRules,
  MemoryRules,
  MetricsRules,
  OptionRules,
  type Rule,
  TracingRules,
} from './redis-cache.rules.js';
import { resolveSessionOptions } from './session/session-options.js';
import { toMs } from './time.js';

/**
 * Refuses wrong options before anything is built from them.
 *
 * @throws InvalidOptionsError with one sentence per wrong option: its path, the value received (never a secret's) and
 * the values allowed, or the nearest known name of an unknown one.
 */
export function validateOptions(options: RedisCacheModuleOptions): void {
  if (!isOptions(options)) {
    throw new InvalidOptionsError('RedisCacheModule options', [`They are ${show(options)}. They must be an object.`]);
  }
  const errors = validateSync(withRules(options), { whitelist: true, forbidNonWhitelisted: true });
  const problems = errors.flatMap((error) => problemsOf(error, ''));
  problems.push(...connectionProblems(options, problems), ...entryProblems(options), ...sessionProblems(options));
  if (problems.length > 0) throw new InvalidOptionsError('RedisCacheModule options', problems);
}

function withRules(options: RedisCacheModuleOptions): OptionRules {
  const { alerts, connection, connections, http, l1, log, metrics, tracing } = options;
  return Object.assign(new OptionRules(), options, {
    alerts: nested(AlertsRules, alerts),
    connection: nested(ConnectionRules, connection),
    connections: isOptions(connections)
      ? new Map(Object.entries(connections).map(([name, each]) => [name, nested(ConnectionRules, each)]))
      : connections,
    http: nested(HttpRules, http),
    l1: nested(MemoryRules, l1),
    log: nested(LogRules, log),
    metrics: nested(MetricsRules, metrics),
    tracing: nested(TracingRules, tracing),
  });
}

function nested(Rules: new () => object, value: unknown): unknown {
  return isOptions(value) ? Object.assign(new Rules(), value) : value;
}

function problemsOf(error: ValidationError, parent: string): string[] {
  const { constraints = {}, contexts, children = [], property, target } = error;
  const value: unknown = error.value;
  const path = parent === '' ? property : `${parent}.${property}`;
  if ('whitelistValidation' in constraints) {
    const Rules = target?.constructor as new () => object;
    const name = unknownName(property, Object.keys(new Rules()));
    return [parent === '' ? name : `${parent}: ${name}`];
  }
  const rule = contexts?.['must'] as Rule | undefined;
  if (rule !== undefined) return [`${path} is ${show(value, rule.isSecret)}. It must be ${rule.allowed}.`];
  return children.flatMap((child) => problemsOf(child, path));
}

/** What no single option tells: which exclude each other, and what the connection itself refuses. */
function connectionProblems(options: RedisCacheModuleOptions, found: readonly string[]): string[] {
  const named = isOptions(options.connections) ? Object.entries(options.connections) : [];
  const all: (readonly [string, unknown])[] = [
    ['connection', options.connection],
    ...named.map(([name, connection]) => [`connections.${name}`, connection] as const),
  ];
  const isWrong = (path: string): boolean =>
    found.some((problem) => problem.startsWith(`${path}.`) || problem.startsWith(`${path}:`));
  return all.flatMap(([path, connection]) => {
    if (!isOptions(connection) || isWrong(path)) return [];
    const { url, port, sentinels, sentinelName, db, ...others } = connection as ConnectionOptions;
    const problems: string[] = [];
    const places = Object.entries({ url, host: others.host, sentinels, cluster: others.cluster });
    const given = places.filter(([, value]) => value !== undefined).map(([name]) => name);
    if (given.length > 1) problems.push(`${path} has ${given.join(' and ')}. Keep one of them.`);
    if (url !== undefined && port !== undefined) {
      problems.push(`${path} has url and port. Put the port into the url.`);
    }
    if (sentinels !== undefined && sentinelName === undefined) {
      problems.push(`${path}.sentinelName is undefined. It must be the name of the primary that the sentinels watch.`);
    }
    if (others.cluster !== undefined && db !== undefined && db !== 0) {
      problems.push(`${path}.db is ${db}. It must be 0 in a cluster, which has no other database.`);
    }
    if (problems.length > 0) return problems;
    return refusals(path, () => clientOptions(connection, 'data'));
  });
}

function entryProblems({ defaults, caches, maxTtl }: RedisCacheModuleOptions): string[] {
  const maxTtlMs = isDuration(maxTtl) ? toMs(maxTtl as string, 'maxTtl') : DEFAULT_MAX_TTL_MS;
  const all: (readonly [string, unknown])[] = [
    ['defaults', defaults],
    ...(isEntryOptionsByName(caches) ? Object.entries(caches as object) : []).map(
      ([name, options]) => [`caches.${name}`, options] as const,
    ),
  ];
  return all.flatMap(([path, entry]) => {
    if (!isOptions(entry)) return [];
    return refusals(path, () => resolvePolicy(DEFAULT_POLICY, entry, maxTtlMs));
  });
}

function sessionProblems({ session, connection, connections }: RedisCacheModuleOptions): string[] {
  if (!isOptions(session)) return [];
  const problems = refusals('session', () => resolveSessionOptions(session));
  const { connection: name = 'default' } = session;
  const isNamed = name === 'default' || (isOptions(connections) && name in connections);
  if (!isNamed) problems.push(`session.connection is ${show(name)}. It must be a name in connections.`);
  if (name === 'default' && connection === false) problems.push('session needs Redis, and connection is false.');
  return problems;
}

function refusals(path: string, attempt: () => unknown): string[] {
  try {
    attempt();
    return [];
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error.problems.map((problem) => `${path}: ${problem}`);
    if (error instanceof RedisCacheError) return [`${path}: ${error.message}`];
    throw error;
  }
}

/** The value received; of an object only that it is one, since nobody knows what is in it. */
function show(value: unknown, isSecret = false): string {
  if (isSecret && typeof value === 'string') return value === '' ? "''" : 'text (not shown)';
  if (isSecret || typeof value === 'function' || (typeof value === 'object' && value !== null)) return kindOf(value);
  return shown(value);
}
