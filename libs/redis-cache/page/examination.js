// @ts-check
// What is asked for, and not told live: the doctor's findings, servers, and a sample of tags.
import { api, attempt } from './actions.js';
import { byId, bytes, count, element, fillRows, milliseconds, rate, setText, text } from './dom.js';

/** @typedef {import('../src/ops/doctor.js').Diagnosis} Diagnosis */
/** @typedef {import('../src/admin/tag-sample.js').TagSample} TagSample */

const EVERY_MS = 30_000;
let examinedAtMs = -Infinity;

export function prepareExamination() {
  byId('examine').addEventListener('click', () => void attempt(examine));
  byId('sample').addEventListener('click', () => void attempt(sample));
}

/** Now and then, while somebody looks. */
export async function examineIfDue() {
  if (performance.now() - examinedAtMs >= EVERY_MS) await examine();
}

async function examine() {
  examinedAtMs = performance.now();
  const { findings, servers } = /** @type {Diagnosis} */ (await api('doctor'));
  byId('findings').replaceChildren(
    ...findings.map(({ level, message, advice }) =>
      element(
        'li',
        {},
        element('strong', { class: level === 'error' || level === 'warning' ? 'bad' : '' }, `${level}:`),
        ` ${message} ${advice}`,
      ),
    ),
  );
  const table = /** @type {HTMLTableElement} */ (byId('servers'));
  fillRows(table, servers, ({ connection, node }) => `${connection} ${node}`, [
    text(({ connection, node }) => [connection, node].join(' ').trim()),
    text(({ software, version }) => (version === undefined ? '–' : `${software ?? ''} ${version}`)),
    text(({ latencyMs }) => milliseconds(latencyMs)),
    text(({ usedMemoryBytes }) => (usedMemoryBytes === undefined ? '–' : bytes(usedMemoryBytes))),
    text(({ maxMemoryBytes }) => (maxMemoryBytes ? bytes(maxMemoryBytes) : 'none')),
    text(({ evictionPolicy }) => evictionPolicy ?? '–'),
    text(({ fragmentation }) => rate(fragmentation)),
    text(({ evictedKeys }) => count(evictedKeys)),
    text(({ clients }) => count(clients)),
    text(({ slowLogLength }) => count(slowLogLength)),
  ]);
}

async function sample() {
  const { sampled, isWhole, tags } = /** @type {TagSample} */ (await api('tags'));
  const of = isWhole ? `All ${count(sampled)} entries` : `A sample of ${count(sampled)} entries`;
  setText(byId('sampled'), `${of} of the main connection.`);
  const table = /** @type {HTMLTableElement} */ (byId('tag-sample'));
  table.hidden = false;
  fillRows(table, tags, ({ tag }) => tag, [
    text(({ tag }) => tag),
    text(({ id }) => id ?? 'none'),
    text(({ entries }) => count(entries)),
    text(({ valid }) => count(valid)),
  ]);
}
