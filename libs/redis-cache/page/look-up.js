// @ts-check
// One entry explained, and the keys there are.
import { api, attempt } from './actions.js';
import { byId, bytes, element, milliseconds, setText } from './dom.js';

/** @typedef {import('../src/cache/entry-inspection.js').EntryInspection} Inspection */
/** @typedef {import('../src/cache/entry-inspection.js').InspectedTag} Tag */
/** @typedef {import('../src/admin/key-pages.js').KeyPage} KeyPage */

/** Why a call would find what it would find. @type {Record<string, string>} */
const DECISIONS = {
  fresh: 'yes, fresh',
  stale: 'yes, stale: within its grace, while it is refreshed',
  absent: 'no: nothing is stored',
  expired: 'no: its time and its grace are over',
  invalidated: 'no: the key, a tag, the cache or everything was invalidated',
  corrupt: 'no: what is stored is damaged, foreign, or of another codec',
  unavailable: 'no: Redis does not answer',
  bypassed: 'no: the cache is bypassed for now',
  disabled: 'no: the module is disabled',
  untrusted: 'no: it may not have heard of a change, so Redis is asked',
  unused: 'no: this cache does not use memory',
};

const form = /** @type {HTMLFormElement} */ (byId('look-up'));

export function prepareLookUp() {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const fields = new FormData(form);
    void attempt(async () => explain(await api('entry', { cache: fields.get('cache'), key: fields.get('key') })));
  });
  const keys = /** @type {HTMLFormElement} */ (byId('keys'));
  keys.addEventListener('submit', (event) => {
    event.preventDefault();
    const fields = new FormData(keys);
    void attempt(() => list(String(fields.get('cache')), String(fields.get('pattern')), ''));
  });
}

/** @param {Inspection} found */
function explain(found) {
  const lines = [
    ['Would be answered', DECISIONS[found.decision] ?? found.decision],
    ['Key in Redis', found.storedKey],
    ...(found.isLoading ? [['Load', 'runs now, somewhere']] : []),
    ...copyLines('In memory here', found.memory),
    ...copyLines('In Redis', found.redis),
    ...(found.redis === undefined ? [] : redisLines(found.redis)),
    ...('value' in found ? [['Value', JSON.stringify(found.value)]] : []),
  ];
  byId('entry').replaceChildren(
    ...lines.flatMap(([name = '', value = '']) => [element('dt', {}, name), element('dd', {}, value)]),
  );
  showTags(found.redis?.tags ?? found.memory?.tags ?? []);
}

/** @param {string} where @param {Inspection['memory'] | Inspection['redis']} copy @returns {string[][]} */
function copyLines(where, copy) {
  if (copy === undefined) return [[where, 'not there']];
  const { state, ageMs, remainingMs, graceMs, loadMs } = copy;
  const times = `${milliseconds(ageMs)} old, fresh for ${milliseconds(remainingMs)}, then stale for ${milliseconds(graceMs)}`;
  return [
    [where, DECISIONS[state] ?? state],
    [`${where}, time`, `${times}; its load took ${milliseconds(loadMs)}`],
  ];
}

/** @param {NonNullable<Inspection['redis']>} redis @returns {string[][]} */
function redisLines({ id, codec, bytes: size, isCompressed, wireVersion, isExpired, isNegative }) {
  const marks = [isCompressed && 'compressed', isExpired && 'expired by hand', isNegative && 'null or undefined'];
  return [
    ['Stored as', [`${codec}, ${bytes(size)}`, `version ${wireVersion}`, ...marks.filter(Boolean)].join(', ')],
    ['Id', id],
  ];
}

/** @param {readonly Tag[]} tags */
function showTags(tags) {
  const items = tags.map(({ kind, tag, id, currentId, isCurrent }) =>
    element('li', {}, `${kind} ${tag}: ${isCurrent ? `current, ${id}` : `${id}, now ${currentId ?? 'none'}: invalid`}`),
  );
  byId('entry-tags').replaceChildren(...items);
  byId('entry-tags').hidden = items.length === 0;
}

/** @param {string} cache @param {string} pattern @param {string} after */
async function list(cache, pattern, after) {
  const page = /** @type {KeyPage} */ (await api('keys', { cache, pattern, after }));
  const items = page.keys.map((stored) => {
    const button = element('button', { type: 'button' }, stored);
    button.addEventListener('click', () => {
      void attempt(async () => explain(await api('entry', { cache, stored })));
    });
    return element('li', {}, button);
  });
  const { next } = page;
  if (next !== undefined) {
    const more = element('button', { type: 'button', class: 'more' }, 'More keys');
    more.addEventListener('click', () => void attempt(() => list(cache, pattern, next)));
    items.push(element('li', {}, more));
  }
  byId('key-list').replaceChildren(...items);
  setText(byId('key-count'), next === undefined ? `${page.keys.length} keys, the last.` : `${page.keys.length} keys.`);
}
