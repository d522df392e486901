import type { IncomingHttpHeaders } from 'node:http';
import { isOptions } from '../arguments.js';
import { UnkeyedReadError } from '../errors.js';
import { type HttpRequest, PRINCIPAL_PROPERTIES } from './http-message.js';

/** What the key of a response tells of its request, so that the handler may read it. Names are in lower case. */
export interface Readable {
  readonly headers: readonly string[];
  /** `undefined`: all of the query. */
  readonly query: readonly string[] | undefined;
  /** Whether the key tells who asks, or only that it is nobody in particular, or neither. */
  readonly principal: 'known' | 'nobody' | 'anybody';
}

// About the connection or the body, or in the key already (host).
const PLAIN_HEADERS = [
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'host',
  'keep-alive',
  'traceparent',
  'tracestate',
  'transfer-encoding',
];
const CLIENT_PROPERTIES = ['cookies', 'signedCookies', 'session'];
// Nobody's, whoever asks: where from, a body that a GET should not have, and headers by another name.
const OTHER_PROPERTIES = ['ip', 'ips', 'body', 'rawBody', 'rawHeaders', 'headersDistinct'];
// They read headers and the url, and what they give is in the key.
const KEYED_GETTERS = [
  'protocol',
  'secure',
  'hostname',
  'host',
  'path',
  'subdomains',
  'xhr',
  'fresh',
  'stale',
  'query',
];
const URL_PROPERTIES = ['url', 'originalUrl'];

// By JSON.stringify and await.
const ASKED_OF_ANY_VALUE = ['toJSON', 'then'];

type Properties = Record<string, unknown>;

/**
 * Watches what is read of a request while its handler makes a response for others, too. The properties of the request
 * itself are replaced for that time, because the handler has that very object.
 *
 * What it cannot see: what was read before (request-scoped providers, guards, middleware), what is kept elsewhere
 * (AsyncLocalStorage), and the socket.
 */
export class RequestGuard {
  /** What was read though the key does not tell it. */
  readonly unkeyed = new Set<string>();
  readonly #targets: { target: Properties; name: string; own: PropertyDescriptor | undefined }[] = [];
  #pauses = 0;
  #hasEnded = false;

  constructor(
    request: HttpRequest,
    private readonly readable: Readable,
    private readonly mustThrow: boolean,
  ) {
    const properties = request as unknown as Properties;
    const raw = properties['raw'] as Properties | undefined;
    for (const target of raw === undefined ? [properties] : [properties, raw]) this.#watch(target);
  }

  /** Gives the request its own properties back. What the handler has taken of them is watched on: it may be in its answer. */
  end(): void {
    this.#hasEnded = true;
    for (const { target, name, own } of this.#targets.splice(0)) {
      if (own === undefined) Reflect.deleteProperty(target, name);
      else Object.defineProperty(target, name, own);
    }
  }

  #watch(target: Properties): void {
    const { headers, query, principal } = this.readable;
    const allowed = new Set([...headers, ...PLAIN_HEADERS]);
    const seen = target['headers'] as IncomingHttpHeaders;
    this.#replace(target, 'headers', () => this.#watched(seen, 'headers', allowed));
    for (const name of KEYED_GETTERS) this.#pauseIn(target, name);
    if (query !== undefined) {
      const parsed = target['query'];
      if (isObject(parsed)) this.#replace(target, 'query', () => this.#watched(parsed, 'query', new Set(query)));
      for (const name of URL_PROPERTIES) this.#forbid(target, name);
    }
    for (const name of OTHER_PROPERTIES) this.#forbid(target, name);
    if (principal === 'known') return;
    for (const name of [...PRINCIPAL_PROPERTIES, ...CLIENT_PROPERTIES]) {
      this.#forbid(target, name, principal === 'anybody');
    }
  }

  /** `values`, but whoever asks for a field that is not `allowed` is noticed, and sees in a list only those that are. */
  #watched(values: object, what: string, allowed: ReadonlySet<string>): object {
    if (this.#pauses > 0) return values;
    const check = (name: string | symbol): void => {
      if (typeof name !== 'string' || allowed.has(name) || name in Object.prototype) return;
      if (!ASKED_OF_ANY_VALUE.includes(name)) this.#note(`${what}.${name}`);
    };
    return new Proxy(values, {
      get: (target, name) => {
        check(name);
        return Reflect.get(target, name) as unknown;
      },
      has: (target, name) => {
        check(name);
        return Reflect.has(target, name);
      },
      ownKeys: (target) => {
        const names = Reflect.ownKeys(target);
        // A list of all headers cannot be cut without a trace; that of the query is what the key tells of it.
        if (what === 'query') return names.filter((name) => typeof name === 'symbol' || allowed.has(name));
        for (const name of names) check(name);
        return names;
      },
    });
  }

  /** @param isAbsenceTelling whether that there is none is also something the key does not tell */
  #forbid(target: Properties, name: string, isAbsenceTelling = false): void {
    if (!(name in target) && !isAbsenceTelling) return;
    const value = this.#getter(target, name);
    this.#replace(target, name, () => {
      const found = this.#paused(value);
      if (this.#pauses === 0 && (isAbsenceTelling || !isNothing(found))) this.#note(name);
      return found;
    });
  }

  #pauseIn(target: Properties, name: string): void {
    if (!(name in target) || Object.hasOwn(target, name)) return;
    const value = this.#getter(target, name);
    this.#replace(target, name, () => this.#paused(value));
  }

  #paused(value: () => unknown): unknown {
    this.#pauses += 1;
    try {
      return value();
    } finally {
      this.#pauses -= 1;
    }
  }

  /** Reads the property as it was, the getters of its class with it. */
  #getter(target: Properties, name: string): () => unknown {
    const own = Object.getOwnPropertyDescriptor(target, name);
    if (own !== undefined) return () => ('value' in own ? (own.value as unknown) : (own.get?.call(target) as unknown));
    return () => Reflect.get(Object.getPrototypeOf(target) as object, name, target) as unknown;
  }

  #replace(target: Properties, name: string, get: () => unknown): void {
    const own = Object.getOwnPropertyDescriptor(target, name);
    if (own?.configurable === false) return;
    this.#targets.push({ target, name, own });
    const set = (value: unknown): void => {
      Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
      this.#targets.splice(
        this.#targets.findIndex((each) => each.target === target && each.name === name),
        1,
      );
    };
    Object.defineProperty(target, name, { get, set, enumerable: own?.enumerable ?? false, configurable: true });
  }

  #note(what: string): void {
    this.unkeyed.add(what);
    if (this.mustThrow && !this.#hasEnded) throw new UnkeyedReadError(what);
  }
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  // What body parsers and cookie parsers leave of a request that has none.
  return isOptions(value) && Object.keys(value).length === 0;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
