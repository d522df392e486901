// @ts-check
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';

/** What was asked for, one after the other. @typedef {{ name: string, keys: string[] }} Trace */

/**
 * @param {string} path of a file, which may be packed with gzip
 * @param {string} format `keys`: one a line, as the traces of LIRS have them; `arc`: a line for each run of blocks
 * @returns {Promise<string[]>}
 */
export async function readTrace(path, format) {
  const bytes = await readFile(path);
  const lines = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().split('\n');
  return parseTrace(lines, format);
}

/** @param {string[]} lines @param {string} format @returns {string[]} */
export function parseTrace(lines, format) {
  const told = lines.map((line) => line.trim()).filter((line) => line !== '');
  if (format === 'keys') return told;
  if (format !== 'arc') throw new Error(`The format of a trace is keys or arc, not ${format}.`);
  return told.flatMap((line) => {
    const [first = NaN, count = NaN] = line.split(/\s+/).map(Number);
    return Array.from({ length: count }, (_, index) => String(first + index));
  });
}

const READS = 400_000;
const KEYS = 100_000;
const SKEW = 0.9;

/** What is asked for in a cache of this size, when nobody has a recording. @param {number} size @returns {Trace[]} */
export function syntheticTraces(size) {
  return [
    { name: `Zipf ${SKEW}`, keys: skewed() },
    { name: `Zipf ${SKEW}, new favourites in each quarter`, keys: shifting() },
    { name: `Zipf ${SKEW}, with scans of 2 × size`, keys: scanned(size) },
    { name: 'the newest most of all', keys: newest() },
    { name: 'a loop of 1.2 × size', keys: loop(size) },
  ];
}

export function skewed() {
  const pick = zipf(KEYS);
  return Array.from({ length: READS }, () => keyOf(pick()));
}

function shifting() {
  const pick = zipf(KEYS);
  return Array.from({ length: READS }, (_, at) => keyOf((pick() + Math.floor((at / READS) * 4) * 1_000) % KEYS));
}

/** After every 4 × size reads the same scan, for what nobody else asks for. @param {number} size */
function scanned(size) {
  const pick = zipf(KEYS);
  const round = 6 * size;
  return Array.from({ length: READS }, (_, at) => {
    const inRound = at % round;
    return inRound < 4 * size ? keyOf(pick()) : keyOf(KEYS + inRound - 4 * size);
  });
}

/** Something new comes with every tenth read. */
function newest() {
  const pick = zipf(KEYS);
  return Array.from({ length: READS }, (_, at) => keyOf(KEYS + Math.floor(at / 10) - pick()));
}

/** @param {number} size */
function loop(size) {
  return Array.from({ length: READS }, (_, at) => keyOf(at % (size * 1.2)));
}

/**
 * Of `count` the n-th is picked with a probability proportional to 1 / n ** SKEW, the same ones on every run.
 * @param {number} count
 * @returns {() => number} from 0
 */
function zipf(count) {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank += 1) sums[rank] = sum += 1 / (rank + 1) ** SKEW;
  const random = generator();
  return () => {
    const wanted = random() * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (/** @type {number} */ (sums[middle]) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Park and Miller's multiplicative generator with a fixed seed. */
function generator() {
  let seed = 1;
  return () => (seed = (seed * 16807) % 2147483647) / 2147483647;
}

/** One string for each key, as long as those of applications. @type {Map<number, string>} */
const names = new Map();

/** @param {number} key */
function keyOf(key) {
  let name = names.get(key);
  if (name === undefined) names.set(key, (name = `users:${String(key).padStart(8, '0')}`));
  return name;
}
