import { StreamableFile } from '@nestjs/common';
import etag from 'etag';
import type { OutgoingHttpHeaders } from 'node:http';
import { isDeepStrictEqual, types } from 'node:util';
import { listItems } from './http-message.js';

/** A response as it is kept: plain data, so that all processes and tiers share it as it is. */
export interface StoredResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Strong, of the exact bytes, unless the handler gave its own. */
  readonly etag: string;
  readonly body: StoredBody;
}

/** `json` is the text of an object, `bytes` is base64; any other value goes to the adapter as it was. */
export type StoredBody =
  | { readonly type: 'json'; readonly text: string }
  | { readonly type: 'bytes'; readonly base64: string }
  | { readonly type: 'value'; readonly value: string | number | boolean | null };

/** Response headers that are stored without being asked for. */
export const STORED_HEADERS: readonly string[] = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-location',
  'content-type',
  'deprecation',
  'etag',
  'expires',
  'last-modified',
  'link',
  'sunset',
  'vary',
];

// Redirects and errors are left out on purpose; 206 is a part, not the whole.
const STORABLE_STATUSES = [200, 203, 204];
const HOP_HEADERS = ['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding'];

/** What the handler answered. `before` and `headers` are the response's headers before and after it ran. */
export interface Answer {
  /** Whether the handler sent it by itself, so that nothing is left to store. */
  readonly isSent: boolean;
  readonly status: number;
  readonly before: OutgoingHttpHeaders;
  readonly headers: OutgoingHttpHeaders;
  readonly value: unknown;
}

/** What a route says of its responses. Names are in lower case. */
export interface StoragePolicy {
  readonly storedHeaders: readonly string[];
  readonly vary: readonly string[];
  /** Whether each principal has responses of its own, so that `private` ones may be kept. */
  readonly isPrivate: boolean;
}

/** The answer as it is kept, or `undefined` when it must not or cannot be: nobody else may have it then. */
export function toStored(answer: Answer, policy: StoragePolicy): StoredResponse | undefined {
  if (answer.isSent || !STORABLE_STATUSES.includes(answer.status) || !mayBeStored(answer, policy)) return undefined;
  const body = toBody(answer.value);
  if (body === undefined) return undefined;
  const headers: Record<string, string> = {};
  for (const [name, value] of changedHeaders(answer)) {
    if (policy.storedHeaders.includes(name)) headers[name] = Array.isArray(value) ? value.join(', ') : String(value);
  }
  return { status: answer.status, headers, etag: answer.headers.etag ?? etag(bytesOf(body)), body };
}

/** Headers the handler set that hits will not have, because the route does not list them. */
export function lostHeaders(answer: Answer, policy: StoragePolicy): string[] {
  return changedHeaders(answer)
    .map(([name]) => name)
    .filter((name) => !policy.storedHeaders.includes(name) && !HOP_HEADERS.includes(name));
}

/** The value as interceptors outside the cache expect it: equal to what the handler gave. */
export function toValue(body: StoredBody): unknown {
  if (body.type === 'json') return JSON.parse(body.text);
  return body.type === 'bytes' ? Buffer.from(body.base64, 'base64') : body.value;
}

/** Whether `toValue` gives back the same: nothing of it is lost on its way through JSON. */
export function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return true;
  if (Array.isArray(value)) return value.every(isPlain);
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every(isPlain);
}

/** What to hand to the adapter so that it sends exactly the stored bytes. */
export function toPayload(body: StoredBody): unknown {
  if (body.type === 'json') return body.text;
  // Express would spell a Buffer as JSON; a stream of known length is bytes for every adapter.
  return body.type === 'bytes' ? toFile(Buffer.from(body.base64, 'base64')) : body.value;
}

/** Bytes as something every adapter sends as bytes. */
export function toFile(bytes: Uint8Array): StreamableFile {
  return new StreamableFile(bytes, { length: bytes.byteLength });
}

function mayBeStored({ before, headers }: Answer, { vary, isPrivate }: StoragePolicy): boolean {
  if (!isDeepStrictEqual(headers['set-cookie'], before['set-cookie'])) return false;
  const forbidding = isPrivate ? ['no-store', 'no-cache'] : ['no-store', 'no-cache', 'private'];
  const directives = listItems(headers['cache-control']).map((directive) => directive.split('=')[0]!.trim());
  if (directives.some((directive) => forbidding.includes(directive))) return false;
  // What middleware varies by, it applies to every response anew.
  const varied = listItems(headers.vary).filter((name) => !listItems(before.vary).includes(name));
  if (headers['content-encoding'] !== undefined) varied.push('accept-encoding');
  return varied.every((name) => vary.includes(name));
}

function changedHeaders({ before, headers }: Answer): [string, OutgoingHttpHeaders[string]][] {
  return Object.entries(headers).filter(
    ([name, value]) => value !== undefined && !isDeepStrictEqual(value, before[name]),
  );
}

function toBody(value: unknown): StoredBody | undefined {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return { type: 'value', value };
    case 'object':
      if (value === null) return { type: 'value', value };
      if (types.isUint8Array(value)) return { type: 'bytes', base64: Buffer.from(value).toString('base64') };
      return isStream(value) ? undefined : toJson(value);
    default:
      // Among them `undefined`, which is also what a handler gives that answers by itself (`@Res()`).
      return undefined;
  }
}

function toJson(value: object): StoredBody | undefined {
  try {
    // A toJSON may answer undefined.
    const text = JSON.stringify(value) as string | undefined;
    return text === undefined ? undefined : { type: 'json', text };
  } catch {
    // A cycle or a bigint: the adapter says so itself when it gets the value.
    return undefined;
  }
}

function isStream(value: object): boolean {
  const { pipe, getReader } = value as { pipe?: unknown; getReader?: unknown };
  return (
    value instanceof StreamableFile ||
    value instanceof Response ||
    value instanceof Error ||
    Symbol.asyncIterator in value ||
    typeof pipe === 'function' ||
    typeof getReader === 'function'
  );
}

function bytesOf(body: StoredBody): string | Buffer {
  if (body.type === 'json') return body.text;
  return body.type === 'bytes' ? Buffer.from(body.base64, 'base64') : String(body.value);
}
