import { isIPv6 } from 'node:net';
import { shown } from './arguments.js';
import { InvalidOptionsError, RedisCacheError } from './errors.js';
import { isName } from './redis/name.js';
import { isHost, parseUrl, type RedisNode } from './redis/connection-options.js';
import { type DurationText, toMs, toTimeoutMs } from './time.js';

const DURATION = "such as '250ms', '30s', '15m', '2h' or '1d' (a number alone is milliseconds)";
const FLAGS = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

/**
 * Reads typed values out of environment variables. A variable that is not set, or empty, is `undefined`; a wrong one
 * is too, and adds a sentence to `problems`, so that all can be reported at once.
 */
export class EnvironmentReader {
  readonly problems: string[] = [];

  constructor(private readonly environment: Readonly<Record<string, string | undefined>>) {}

  text(name: string): string | undefined {
    const value = this.environment[name]?.trim();
    return value === '' ? undefined : value;
  }

  name(name: string): string | undefined {
    return this.#parsed(name, '1 to 64 of A-Z a-z 0-9 _ -', (text) => (isName(text) ? text : undefined));
  }

  flag(name: string): boolean | undefined {
    return this.#parsed(name, 'true or false (or 1 or 0)', (text) => FLAGS.get(text.toLowerCase()));
  }

  whole(name: string, least: number, most = Number.MAX_SAFE_INTEGER): number | undefined {
    const allowed = `a whole number ${most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`}`;
    return this.#parsed(name, allowed, (text) => {
      const value = /^\d+$/.test(text) ? Number(text) : NaN;
      return value >= least && value <= most ? value : undefined;
    });
  }

  duration(name: string, leastMs = 1): DurationText | undefined {
    const allowed = `a duration of at least ${leastMs} ms, ${DURATION}`;
    return this.#parsed(name, allowed, (text) => durationText(text, leastMs));
  }

  timeout(name: string): DurationText | undefined {
    const allowed = `a duration of at least 1 ms and at most one day, ${DURATION}`;
    return this.#parsed(name, allowed, (text) => durationText(text, 1, toTimeoutMs));
  }

  /** A duration, or one of these names for one. */
  durationOr(name: string, presets: Readonly<Record<string, DurationText>>): DurationText | undefined {
    const allowed = `a duration above 0, ${DURATION}, or one of ${Object.keys(presets).join(', ')}`;
    return this.#parsed(name, allowed, (text) => {
      const preset = text.toLowerCase();
      return Object.hasOwn(presets, preset) ? presets[preset] : durationText(text);
    });
  }

  host(name: string): string | undefined {
    return this.#parsed(name, 'a host name or an address, and nothing else', (text) =>
      isHost(text) ? text : undefined,
    );
  }

  /** `host:port,host:port`; an IPv6 address stands in brackets. */
  nodes(name: string): RedisNode[] | undefined {
    const parse = (text: string): RedisNode[] | undefined => {
      const nodes = text.split(',').map((node) => nodeOf(node.trim()));
      return nodes.every((node) => node !== undefined) ? nodes : undefined;
    };
    return this.#parsed(name, 'host:port,host:port', parse);
  }

  redisUrl(name: string, orElse: string): string | undefined {
    const url = this.text(name);
    if (url === undefined) return undefined;
    try {
      parseUrl(url);
    } catch (error) {
      if (!(error instanceof InvalidOptionsError)) throw error;
      // Its sentences name the option instead of the variable, and never repeat the value, which may hold a password.
      this.problems.push(...error.problems.map((problem) => `${problem.replace(/^url:/, name)}, or ${orElse}.`));
    }
    return url;
  }

  excludeEachOther(names: readonly string[]): void {
    const given = names.filter((name) => this.text(name) !== undefined);
    if (given.length > 1) this.problems.push(`${given.join(' and ')} are set. Keep one of them.`);
  }

  #parsed<T>(name: string, allowed: string, parse: (text: string) => T | undefined): T | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = parse(text);
    // What has an @ may be a URL with a password.
    if (value === undefined)
      this.problems.push(`${name} is ${text.includes('@') ? 'text (not shown)' : shown(text)}. It must be ${allowed}.`);
    return value;
  }
}

function durationText(text: string, leastMs = 1, read = toMs): DurationText | undefined {
  try {
    return read(text, '') >= leastMs ? (text as DurationText) : undefined;
  } catch (error) {
    if (error instanceof RedisCacheError) return undefined;
    throw error;
  }
}

function nodeOf(text: string): RedisNode | undefined {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (!isHost(host) || (bracketed !== undefined && !isIPv6(bracketed)) || Number(port) < 1 || Number(port) > 65_535)
    return undefined;
  return port === undefined ? { host } : { host, port: Number(port) };
}
