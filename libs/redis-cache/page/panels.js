// @ts-check
// What is true now: tiles, tables and lists.
import {
  byId,
  bytes,
  clock,
  count,
  duration,
  element,
  fillRows,
  milliseconds,
  percent,
  rate,
  setText,
  sparkline,
  text,
} from './dom.js';

/** @typedef {import('../src/admin/admin.service.js').Overview} Overview */
/** @typedef {import('../src/admin/overview.js').CacheOverview} Cache */
/** @typedef {import('../src/admin/activity.js').ActivityItem} ActivityItem */
/** @typedef {import('../src/admin/top-keys.js').TopKey} TopKey */

const SHOWN_ACTIVITY = 100;

/** @param {string} id */
const table = (id) => /** @type {HTMLTableElement} */ (byId(id));

/**
 * @param {Overview} overview
 * @param {{ requests: number, hits: number, saved: number } | undefined} latest of the last step, per second
 */
export function showNow(overview, latest) {
  const { caches, instances } = overview;
  const connections = instances.flatMap((each) => each.connections);
  const down = connections.filter(({ isUp }) => !isUp).length;
  const loads = caches.reduce((sum, each) => sum + each.loads, 0);
  const firing = overview.alerts.filter(({ state }) => state === 'firing').length;
  setText(byId('namespace'), overview.namespace);
  tiles({
    'Hit ratio': percent(
      latest === undefined || latest.requests === 0 ? ratioOf(caches) : latest.hits / latest.requests,
    ),
    'Requests per second': rate(latest?.requests),
    'Source saved per second': latest === undefined ? '–' : duration(latest.saved),
    'Saved since start': duration(caches.reduce((sum, each) => sum + each.savedSeconds, 0)),
    Loads: count(loads),
    Redis: connections.length === 0 ? 'none' : down === 0 ? 'up' : `${down} of ${connections.length} down`,
    Alerts: overview.alerts.length === 0 ? 'none' : `${firing} firing`,
    Processes: overview.isWhole ? count(instances.length) : 'this one',
  });
  const alerts = overview.alerts.map(({ name, severity, state, summary }) =>
    element('li', {}, element('strong', { class: 'bad' }, `${severity}, ${state}: ${name}`), ` ${summary}`),
  );
  keep(byId('alerts'), alerts);
}

/** @param {readonly Cache[]} caches */
function ratioOf(caches) {
  const requests = caches.reduce((sum, each) => sum + each.requests, 0);
  return requests === 0 ? null : caches.reduce((sum, each) => sum + each.hitsL1 + each.hitsL2, 0) / requests;
}

/** @param {Record<string, string>} values */
function tiles(values) {
  const list = byId('tiles');
  for (const [index, [name, value]] of Object.entries(values).entries()) {
    const tile = list.children[index] ?? element('div', {}, element('dt', {}, name), element('dd'));
    if (tile.parentElement === null) list.append(tile);
    const [, shown] = tile.children;
    if (shown !== undefined) setText(shown, value);
  }
}

/** @param {readonly Cache[]} caches @param {(name: string) => void} onChoose */
export function showCaches(caches, onChoose) {
  fillRows(table('caches'), caches, ({ name }) => name, [
    (cell, { name }) => {
      if (cell.firstChild !== null) return;
      const button = element('button', { type: 'button' }, name);
      button.addEventListener('click', () => onChoose(name));
      cell.append(button);
    },
    text(({ hitRatio }) => percent(hitRatio)),
    (cell, { ratios }) => sparkline(cell, ratios),
    text(({ requests }) => count(requests)),
    text(({ requests, hitsL1 }) => percent(requests === 0 ? null : hitsL1 / requests)),
    text(({ read }) => milliseconds(read.p99Ms)),
    text(({ load }) => milliseconds(load.p99Ms)),
    text(({ savedSeconds }) => duration(savedSeconds)),
    text(({ loadErrors }) => count(loadErrors)),
    text(({ entries, bytes: size }) => `${count(entries)}, ${bytes(size)}`),
  ]);
}

/** @param {Overview} overview */
export function showRest({ instances, tags, sessions, hasSessions }) {
  const connections = instances.flatMap(({ id, host, pid, isThis, connections: all }) =>
    all.map((each) => ({
      ...each,
      id: `${id} ${each.name}`,
      title: `${host} ${pid}${isThis ? ' (this)' : ''}, ${each.name}`,
    })),
  );
  fillRows(table('connections'), connections, ({ id }) => id, [
    text(({ title }) => title),
    (cell, { isUp }) => {
      setText(cell, isUp ? 'up' : 'down');
      cell.className = isUp ? 'good' : 'bad';
    },
    text(({ breaker }) => breaker),
    text(({ link }) => link),
    text(({ journaled }) => count(journaled)),
  ]);
  fillRows(table('tags'), tags, ({ tag }) => tag, [
    text(({ tag }) => tag),
    text(({ invalidations }) => count(invalidations)),
    text(({ lastAtMs }) => clock(lastAtMs)),
  ]);
  hideUnless(table('sessions'), hasSessions || sessions.length > 0);
  fillRows(table('sessions'), sessions, ({ operation, result }) => `${operation} ${result}`, [
    text(({ operation }) => operation),
    text(({ result }) => result),
    text(({ count: times }) => count(times)),
  ]);
}

/** The whole section. @param {HTMLElement} part @param {boolean} isNeeded */
function hideUnless(part, isNeeded) {
  const section = part.closest('section');
  if (section !== null) section.hidden = !isNeeded;
}

/** @param {string} cache @param {readonly TopKey[] | undefined} keys `undefined`: not counted */
export function showTopKeys(cache, keys) {
  byId('top-keys').hidden = keys === undefined;
  setText(byId('keys-cache'), cache);
  const [keysTable] = byId('top-keys').getElementsByTagName('table');
  if (keysTable === undefined) return;
  fillRows(keysTable, keys ?? [], ({ key }) => key, [
    text(({ key }) => key),
    text(({ count: requests }) => count(requests)),
    text(({ error }) => count(error)),
  ]);
}

/** The latest first; those that are there already stay. @param {readonly ActivityItem[]} items the latest first */
export function showActivity(items) {
  const list = byId('activity');
  const newest = Number(list.firstElementChild?.getAttribute('data-id') ?? 0);
  // A process that has begun anew counts from 1 again.
  const isOther = (items[0]?.id ?? 0) < newest;
  if (isOther) list.replaceChildren();
  const fresh = items.filter(({ id }) => isOther || id > newest);
  list.prepend(
    ...fresh.map(({ id, atMs, event, fields }) =>
      element(
        'li',
        { 'data-id': String(id) },
        element('time', { datetime: new Date(atMs).toISOString() }, clock(atMs)),
        element('strong', {}, event),
        ` ${sentence(fields)}`,
      ),
    ),
  );
  while (list.childElementCount > SHOWN_ACTIVITY) list.lastElementChild?.remove();
}

/** @param {Readonly<Record<string, unknown>>} fields */
function sentence(fields) {
  return Object.entries(fields)
    .filter(([, value]) => value !== '' && value !== undefined && typeof value !== 'object')
    .map(([name, value]) => `${name} ${typeof value === 'number' ? rate(value) : String(value)}`)
    .join(', ');
}

/** Replaces items only when they say something else. @param {HTMLElement} list @param {HTMLElement[]} items */
export function keep(list, items) {
  const said = items.map(({ textContent }) => textContent).join('\n');
  if (list.dataset.said === said) return;
  list.dataset.said = said;
  list.replaceChildren(...items);
}
