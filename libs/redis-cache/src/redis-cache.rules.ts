import { isInt, ValidateBy, ValidateNested } from 'class-validator';
import { isOptions } from './arguments.js';
import { RedisCacheError } from './errors.js';
import { isHost } from './redis/connection-options.js';
import { isName } from './redis/name.js';
import { MIN_STALENESS_MS } from './redis-cache.options.js';
import { toMs, toTimeoutMs } from './time.js';

const NAME = '1 to 64 of A-Z a-z 0-9 _ -';
const DURATION = "a duration above 0: milliseconds as a number, or text such as '250ms', '30s' or '15m'";
const TIMEOUT = `${DURATION}, and at most one day`;
const WHOLE = 'a whole number of at least 1';
const NODES = 'a list of { host, port } with at least one item';
const SECRET = { isSecret: true };
const LOG_LEVELS: readonly unknown[] = ['warn', 'log', 'debug', 'verbose'];

/** What class-validator reports of a broken rule. */
export interface Rule {
  allowed: string;
  isSecret?: boolean;
}

/** The rule of one option. `allowed` completes "It must be …"; the value of a secret is never shown. */
function Must(
  allowed: string,
  isAllowed: (value: unknown) => boolean,
  options: Omit<Rule, 'allowed'> = {},
): PropertyDecorator {
  const validate = (value: unknown): boolean => value === undefined || isAllowed(value);
  return ValidateBy(
    { name: 'must', validator: { validate, defaultMessage: () => allowed } },
    { context: { allowed, ...options } satisfies Rule },
  );
}

export class MemoryRules {
  @Must(WHOLE, isCount) maxEntries?: unknown;
  @Must(WHOLE, isCount) maxBytes?: unknown;
}

export class ConnectionRules {
  @Must('text: redis://[user:password@]host[:port][/db], or rediss:// for TLS', isText, SECRET) url?: unknown;
  // Somebody may have put a URL with a password here.
  @Must('a host name or an address, and nothing else', isHost, SECRET) host?: unknown;
  @Must('a whole number from 1 to 65535', isPort) port?: unknown;
  @Must('a whole number of at least 0', (value) => isInt(value) && (value as number) >= 0) db?: unknown;
  @Must('text that is not empty', isText, SECRET) username?: unknown;
  @Must('text that is not empty', isText, SECRET) password?: unknown;
  @Must('a function of the kind of connection that returns { username, password }', isFunction, SECRET)
  credentials?: unknown;
  @Must('true, false, or options of tls.connect', (value) => isBoolean(value) || isOptions(value), SECRET)
  tls?: unknown;
  @Must(NODES, isNodeList) sentinels?: unknown;
  @Must('the name of the primary that the sentinels watch', isText) sentinelName?: unknown;
  @Must('text that is not empty', isText, SECRET) sentinelUsername?: unknown;
  @Must('text that is not empty', isText, SECRET) sentinelPassword?: unknown;
  @Must('true, false, or options of tls.connect', (value) => isBoolean(value) || isOptions(value), SECRET)
  sentinelTls?: unknown;
  @Must(NODES, isNodeList) cluster?: unknown;
  @Must("'primary' or 'replicated'", (value) => value === 'primary' || value === 'replicated') durability?: unknown;
  @Must(WHOLE, isCount) maxConnections?: unknown;
  @Must(TIMEOUT, isTimeout) connectTimeout?: unknown;
  @Must(TIMEOUT, isTimeout) commandTimeout?: unknown;
  @Must(TIMEOUT, isTimeout) controlTimeout?: unknown;
  @Must(TIMEOUT, isTimeout) socketTimeout?: unknown;
}

export class HttpRules {
  @Must('a list of header names', isHeaderNames) credentialHeaders?: unknown;
  @Must("'declared' or 'all'", (value) => value === 'declared' || value === 'all') routes?: unknown;
  @Must("'throw' or 'skip'", (value) => value === 'throw' || value === 'skip') unkeyedReads?: unknown;
  @Must('true or false', isBoolean) requestDirectives?: unknown;
  @Must('true or false', isBoolean) cacheStatus?: unknown;
  @Must('true or false', isBoolean) cacheGroups?: unknown;
}

export class MetricsRules {
  @Must('true, false, or a Registry of prom-client', (value) => isBoolean(value) || isRegistry(value))
  prometheus?: unknown;
  @Must(`${DURATION}, or false for none`, (value) => value === false || isDuration(value)) server?: unknown;
}

export class AlertsRules {
  @Must(TIMEOUT, isTimeout) interval?: unknown;
}

export class TracingRules {
  @Must('true or false', isBoolean) keys?: unknown;
  @Must('true or false', isBoolean) roots?: unknown;
}

export class LogRules {
  @Must("'warn', 'log', 'debug' or 'verbose'", (value) => LOG_LEVELS.includes(value)) level?: unknown;
  @Must('a share between 0 and 1', (value) => typeof value === 'number' && value >= 0 && value <= 1) sample?: unknown;
  @Must('true or false', isBoolean) keys?: unknown;
}

export class OptionRules {
  @Must('true or false', isBoolean) enabled?: unknown;
  @Must(NAME, isName) namespace?: unknown;
  // Somebody may have put a URL with a password here.
  @Must('{ url } or { host, port }, or false for none', (value) => value === false || isOptions(value), SECRET)
  @ValidateNested()
  connection?: unknown;
  @Must(`an object of connection options by name (${NAME}; "default" is the main connection)`, isConnectionMap, SECRET)
  @ValidateNested()
  connections?: unknown;
  @Must('an object of entry options', isOptions) defaults?: unknown;
  @Must(`an object of entry options by cache name (${NAME})`, isEntryOptionsByName) caches?: unknown;
  @Must('{ maxEntries, maxBytes }, true, or false for none', (value) => isBoolean(value) || isOptions(value))
  @ValidateNested()
  l1?: unknown;
  @Must(`a duration of at least ${MIN_STALENESS_MS} ms, three heartbeats of the link`, isStaleness)
  maxStaleness?: unknown;
  @Must(DURATION, isDuration) maxTtl?: unknown;
  @Must(TIMEOUT, isTimeout) startTimeout?: unknown;
  @Must('true or false', isBoolean) strictStart?: unknown;
  @Must("a function that returns values by name, such as { tenant: 'acme' }", isFunction)
  context?: unknown;
  @Must('{ prometheus, server }', isOptions) @ValidateNested() metrics?: unknown;
  @Must('true, false, or { interval }', (value) => isBoolean(value) || isOptions(value))
  @ValidateNested()
  alerts?: unknown;
  @Must('true, false, or { keys, roots }', (value) => isBoolean(value) || isOptions(value))
  @ValidateNested()
  tracing?: unknown;
  @Must("{ level: 'warn' }, or another level, with sample and keys", isOptions) @ValidateNested() log?: unknown;
  @Must('an object of options', isOptions) @ValidateNested() http?: unknown;
  @Must('an object with keys and indexKey', isOptions, SECRET) session?: unknown;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== '';
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean';
}

function isCount(value: unknown): boolean {
  return isInt(value) && (value as number) >= 1;
}

function isPort(value: unknown): boolean {
  return isCount(value) && (value as number) <= 65_535;
}

export function isDuration(value: unknown): boolean {
  return isAccepted(() => toMs(value as string, ''));
}

function isTimeout(value: unknown): boolean {
  return isAccepted(() => toTimeoutMs(value as string, ''));
}

function isAccepted(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (error instanceof RedisCacheError) return false;
    throw error;
  }
}

function isStaleness(value: unknown): boolean {
  return isDuration(value) && toMs(value as string, '') >= MIN_STALENESS_MS;
}

function isNodeList(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0) return false;
  return value.every(
    (node: unknown) =>
      isOptions(node) &&
      Object.keys(node).every((name) => name === 'host' || name === 'port') &&
      'host' in node &&
      isHost(node.host) &&
      (!('port' in node) || node.port === undefined || isPort(node.port)),
  );
}

function isConnectionMap(value: unknown): boolean {
  if (!(value instanceof Map)) return false;
  return [...value].every(([name, each]) => isName(name) && name !== 'default' && each instanceof ConnectionRules);
}

export function isEntryOptionsByName(value: unknown): boolean {
  return isOptions(value) && Object.entries(value).every(([name, each]) => isName(name) && isOptions(each));
}

function isHeaderNames(value: unknown): boolean {
  const pattern = /^[a-z0-9!#$%&'*+.^_`|~-]+$/i;
  return Array.isArray(value) && value.every((name) => typeof name === 'string' && pattern.test(name));
}

function isRegistry(value: unknown): boolean {
  return isOptions(value) && 'registerMetric' in value && typeof value.registerMetric === 'function';
}
