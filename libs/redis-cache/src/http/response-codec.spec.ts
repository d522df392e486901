import { RESPONSE_CODEC } from './response-codec.js';
import { toBody, type StoredBody } from './response-body.js';
import type { StoredResponse } from './stored-response.js';

function response(body: StoredBody): StoredResponse {
  const times = { ageMs: 0, whileRevalidateMs: 1, ifErrorMs: 2, mustRevalidate: false, freshMs: null };
  return { status: 200, headers: { 'content-type': 'text/plain', 'x-name': 'Zoë "\\n"' }, body, ...times };
}

const decoded = (kept: unknown) => RESPONSE_CODEC.decode(Buffer.from(RESPONSE_CODEC.encode(kept)));

describe('the bytes of a response', () => {
  it.each<StoredBody>([
    { type: 'json', text: '{"a":"\\n \\u0001 ü 漢"}' },
    { type: 'json', text: '[]' },
    { type: 'bytes', bytes: Buffer.from([0, 10, 13, 255]) },
    { type: 'bytes', bytes: Buffer.alloc(0) },
    { type: 'text', text: 'lines\n"and" quotes 😀' },
    { type: 'text', text: '' },
    toBody('half \ud83d of one')!,
    { type: 'value', value: null },
    { type: 'value', value: 0.5 },
    { type: 'value', value: false },
  ])('hold its body as it was: %j', (body) => {
    const kept = response(body);
    expect(decoded(kept)).toEqual(kept);
  });

  it('hold how responses vary, and nothing', () => {
    const marker = { vary: ['accept'], generation: 'abc' };
    expect(decoded(marker)).toEqual(marker);
    expect(decoded(undefined)).toBeUndefined();
  });

  it('hold text and bytes as they go over the wire', () => {
    const text = '{"a":"\\"quoted\\""}';
    for (const body of [
      { type: 'json', text },
      { type: 'bytes', bytes: Buffer.from(text) },
    ] as const) {
      expect(Buffer.from(RESPONSE_CODEC.encode(response(body))).toString()).toMatch(/^{"status":200.*}\n{"a":.*}$/);
    }
  });

  it.each(['', 'no end', '{"status":200\nbody', '\xff\n'])('are refused when they are %j', (bytes) => {
    expect(() => RESPONSE_CODEC.decode(Buffer.from(bytes, 'latin1'))).toThrow();
  });

  it('are not kept as long as bytes of it are', () => {
    const slab = Buffer.concat([
      Buffer.alloc(100_000),
      RESPONSE_CODEC.encode(response({ type: 'bytes', bytes: Buffer.from('a') })),
    ]);
    const { body } = RESPONSE_CODEC.decode(slab.subarray(100_000)) as { body: { bytes: Buffer } };
    expect(body.bytes.buffer).not.toBe(slab.buffer);
  });
});
