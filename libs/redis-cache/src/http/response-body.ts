import { StreamableFile } from '@nestjs/common';
import { Readable } from 'node:stream';
import { types } from 'node:util';

/** `json` is the text of an object; a value that is neither text nor bytes goes to the adapter as it was. */
export type StoredBody =
  | { readonly type: 'json' | 'text'; readonly text: string }
  | { readonly type: 'bytes'; readonly bytes: Buffer }
  | { readonly type: 'value'; readonly value: string | number | boolean | null };

// UTF-8 has no word for it, JSON has.
const HALF_A_CHARACTER = /\p{Surrogate}/u;

// Bytes of texts in memory, which are the same objects at each hit: encoded once.
const encoded = new WeakMap<StoredBody, Buffer>();

/** The body of what a handler returned, or `undefined` for what cannot be kept: streams, errors, nothing at all. */
export function toBody(value: unknown): StoredBody | undefined {
  switch (typeof value) {
    case 'string':
      return HALF_A_CHARACTER.test(value) ? { type: 'value', value } : { type: 'text', text: value };
    case 'number':
    case 'boolean':
      return { type: 'value', value };
    case 'object':
      if (value === null) return { type: 'value', value };
      if (types.isUint8Array(value)) return { type: 'bytes', bytes: Buffer.from(value) };
      return isStream(value) ? undefined : toJson(value);
    default:
      // Among them `undefined`, which is also what a handler gives that answers by itself (`@Res()`).
      return undefined;
  }
}

/** The bytes that go over the wire. */
export function bytesOf(body: StoredBody): Buffer {
  if (body.type === 'bytes') return body.bytes;
  const known = encoded.get(body);
  if (known !== undefined) return known;
  const bytes = Buffer.from(body.type === 'value' ? String(body.value ?? '') : body.text);
  encoded.set(body, bytes);
  return bytes;
}

/** The value as interceptors outside the cache expect it: equal to what the handler gave. */
export function toValue(body: StoredBody): unknown {
  switch (body.type) {
    case 'json':
      return JSON.parse(body.text);
    case 'text':
      return body.text;
    case 'bytes':
      // A copy: others have the same bytes.
      return Buffer.from(body.bytes);
    case 'value':
      return body.value;
  }
}

/** What to hand to the adapter so that it sends exactly the stored bytes. */
export function toPayload(body: StoredBody): unknown {
  if (body.type === 'value') return body.value;
  // Express would spell a Buffer as JSON; a stream of known length is bytes for every adapter.
  return body.type === 'bytes' ? toFile(body.bytes) : body.text;
}

/** Bytes as something every adapter sends as bytes. */
export function toFile(bytes: Uint8Array): StreamableFile {
  return new StreamableFile(bytes, { length: bytes.byteLength });
}

/** Whether `toValue` gives back the same: nothing of it is lost on its way through JSON. */
export function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return true;
  if (Array.isArray(value)) return value.every(isPlain);
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every(isPlain);
}

/**
 * The content of a file, if it is no larger than `maxBytes`; else the same file, to be sent as it is. A stream that fails
 * rejects, before anything has been sent.
 */
export async function readFile(file: StreamableFile, maxBytes: number): Promise<Buffer | StreamableFile> {
  const { length } = file.getHeaders();
  if (length !== undefined && length > maxBytes) return file;
  const stream = file.getStream();
  const chunks: Buffer[] = [];
  let size = 0;
  const rest = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array | string>;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    const chunk = typeof next.value === 'string' ? Buffer.from(next.value) : Buffer.from(next.value);
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > maxBytes) return new StreamableFile(Readable.from(replay(chunks, rest)), file.options);
  }
  return Buffer.concat(chunks);
}

async function* replay(
  chunks: readonly Buffer[],
  rest: AsyncIterator<Uint8Array | string>,
): AsyncGenerator<Uint8Array | string> {
  yield* chunks;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
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
