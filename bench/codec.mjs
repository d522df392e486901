// What the default codec costs beside plain JSON and MessagePack, and where compression begins to pay.
// The numbers behind docs/decisions/codec.md: ratios, since absolute times are those of one machine.
//
//   npm run build && node bench/codec.mjs
//
// MessagePack is compared when it is installed (`npm install --no-save msgpackr`); the library does not use it.
import { brotliCompressSync, brotliDecompressSync, constants, deflateSync, inflateSync } from 'node:zlib';
import { decodeValue, deepFreeze, encodeValue } from '../libs/redis-cache/dist/cache/value.js';

const msgpackr = await import('msgpackr').catch(() => undefined);
const ROUNDS = 40;
const words =
  'account active address admin audit baseline control evidence finding group owner policy region role rule'.split(' ');

// The same rows on every run: a multiplicative generator (Park and Miller) with a fixed seed.
let seed = 1;
const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
const word = () => words[Math.floor(random() * words.length)];
const row = (id) => ({
  id,
  name: `${word()} ${word()} ${word()}`,
  email: `${word()}.${id}@example.com`,
  isActive: random() > 0.5,
  score: Math.round(random() * 1e4) / 100,
  roles: [word(), word()],
  address: { city: word(), zip: String(Math.floor(random() * 1e5)) },
  note: null,
});

function rowsOf(bytes) {
  if (bytes <= 100) return { id: 7, name: 'audit owner', isActive: true, roles: ['admin', 'review'], score: 12.5 };
  const rows = [];
  while (JSON.stringify(rows).length < bytes) rows.push(row(rows.length));
  return rows;
}

const withDates = (value) =>
  Array.isArray(value) ? value.map(withDates) : { ...value, createdAt: new Date(1.7e12 + value.id) };

/** Microseconds per call in the fastest of many short rounds: what else runs on the machine can only slow them. */
function time(call) {
  let calls = 1;
  for (let elapsedMs = 0; elapsedMs < 2; calls *= 2) {
    const startMs = performance.now();
    for (let index = 0; index < calls; index++) call();
    elapsedMs = performance.now() - startMs;
  }
  const rounds = Array.from({ length: ROUNDS }, () => {
    const startMs = performance.now();
    for (let index = 0; index < calls; index++) call();
    return ((performance.now() - startMs) * 1000) / calls;
  });
  return Math.min(...rounds);
}

const plain = { compressAboveBytes: Infinity };
const codecRows = [];
const compressionRows = [];
for (const size of [100, 1_000, 10_000, 100_000]) {
  const value = rowsOf(size);
  const dated = withDates(value);
  const bytes = Buffer.from(JSON.stringify(value));
  const json = encodeValue(value, plain);
  const typed = encodeValue(dated, plain);
  const encodeJson = time(() => Buffer.from(JSON.stringify(value)));
  const decodeJson = time(() => JSON.parse(bytes.toString()));
  const line = (codec, encode, decode, length) =>
    codecRows.push({
      size: bytes.length,
      codec,
      encode: (encode / encodeJson).toFixed(2),
      decode: (decode / decodeJson).toFixed(2),
      bytes: (length / bytes.length).toFixed(2),
    });
  const read = (encoded) => time(() => decodeValue(encoded, { maxBytes: 1e9 }));
  line('JSON', encodeJson, decodeJson, bytes.length);
  line(
    'ours, plain JSON',
    time(() => encodeValue(value, plain)),
    read(json),
    json.bytes.length,
  );
  line(
    'ours, and frozen',
    time(() => encodeValue(value, plain)),
    time(() => deepFreeze(decodeValue(json, { maxBytes: 1e9 }))),
    json.bytes.length,
  );
  line(
    'ours, a Date per row',
    time(() => encodeValue(dated, plain)),
    read(typed),
    typed.bytes.length,
  );
  if (msgpackr) {
    for (const [codec, records] of [
      ['msgpackr', false],
      ['msgpackr, records', true],
    ]) {
      const packr = new msgpackr.Packr({ useRecords: records });
      const packed = Buffer.from(packr.pack(value));
      line(
        codec,
        time(() => packr.pack(value)),
        time(() => packr.unpack(packed)),
        packed.length,
      );
    }
  }
}

const brotli = (quality) => (input) =>
  brotliCompressSync(input, { params: { [constants.BROTLI_PARAM_QUALITY]: quality } });
for (const size of [1_000, 2_000, 4_000, 8_000, 16_000, 100_000]) {
  const input = Buffer.from(JSON.stringify(rowsOf(size)));
  const parse = time(() => JSON.parse(input.toString()));
  for (const [name, pack, unpack] of [
    ['zlib 1', (bytes) => deflateSync(bytes, { level: 1 }), inflateSync],
    ['zlib 6', (bytes) => deflateSync(bytes, { level: 6 }), inflateSync],
    ['brotli 0', brotli(0), brotliDecompressSync],
    ['brotli 1', brotli(1), brotliDecompressSync],
  ]) {
    const packed = pack(input);
    compressionRows.push({
      size: input.length,
      codec: name,
      smaller: `${(input.length / packed.length).toFixed(1)} x`,
      compress: (time(() => pack(input)) / parse).toFixed(2),
      decompress: (time(() => unpack(packed, { maxOutputLength: 1e9 })) / parse).toFixed(2),
    });
  }
}

console.log('Time and size, JSON.stringify and JSON.parse with buffers = 1');
console.table(codecRows);
console.log('Compression, in times the JSON.parse of the same bytes');
console.table(compressionRows);
