// @ts-check
// The page: what the server tells, shown as it changes.
import { api, chooseCache, offerCaches, offerConnections, prepareActions, showWarmUps } from './actions.js';
import { Charts } from './charts.js';
import { byId, setText } from './dom.js';
import { examineIfDue, prepareExamination } from './examination.js';
import { prepareLookUp } from './look-up.js';
import { prepareSessions, showOrders } from './orders.js';
import { showActivity, showCaches, showNow, showRest, showTopKeys } from './panels.js';

/** @typedef {import('../src/admin/admin.service.js').Overview} Overview */
/** @typedef {import('../src/admin/admin.service.js').HistoryOverview} History */

const RETRY_MS = 5_000;
const SPANS = { '10m': ['fine', 120], '1h': ['coarse', 60], '24h': ['coarse', 1440] };
const base = document.body.dataset.base ?? '';

const span = /** @type {HTMLSelectElement} */ (byId('span'));
const theme = /** @type {HTMLSelectElement} */ (byId('theme'));
const charts = new Charts();
let mayWrite = false;
/** @type {string | undefined} */
let chosen;
/** @type {EventSource | undefined} */
let stream;
let shownHistoryAtMs = 0;

/** @param {History} history @param {number} steps */
function lastOf(history, steps) {
  // The last step is not over, so its rates would be too low.
  const cut = (/** @type {any[]} */ values) => values.slice(0, -1).slice(-steps);
  const total = Object.fromEntries(Object.entries(history.total).map(([name, values]) => [name, cut(values)]));
  return /** @type {History} */ ({
    stepMs: history.stepMs,
    atMs: cut(history.atMs),
    total,
    read: cut(history.read),
    load: cut(history.load),
  });
}

/** @param {History} history */
function latestOf({ stepMs, total }) {
  const requests = total.requests.at(-1);
  if (requests === undefined) return undefined;
  const perSecond = (/** @type {number | undefined} */ value) => ((value ?? 0) * 1000) / stepMs;
  return {
    requests: perSecond(requests),
    hits: perSecond(total.hits.at(-1)),
    saved: perSecond(total.savedSeconds.at(-1)),
  };
}

/** @param {Overview} overview */
async function show(overview) {
  setText(byId('live'), overview.isWhole ? 'Live' : 'Live, of this process alone');
  showCaches(overview.caches, choose);
  showRest(overview);
  showOrders(overview, mayWrite);
  showWarmUps(overview.warmUps, mayWrite);
  offerConnections(Object.values(overview.instances.find(({ isThis }) => isThis)?.connections ?? []));
  showActivity(overview.activity);
  offerCaches(overview.caches.map(({ name }) => name));
  const fine = lastOf(await api('history?span=fine'), 120);
  showNow(overview, latestOf(fine));
  const [kind, steps] = SPANS[/** @type {keyof typeof SPANS} */ (span.value)];
  if (kind === 'fine') charts.show(fine);
  else if (overview.atMs - shownHistoryAtMs > 30_000) {
    shownHistoryAtMs = overview.atMs;
    charts.show(lastOf(await api(`history?span=${kind}`), Number(steps)));
  }
  if (chosen !== undefined) await showChosen(chosen);
  await examineIfDue();
}

/** @param {string} cache */
async function showChosen(cache) {
  const { topKeys } = await api(`caches/${encodeURIComponent(cache)}`);
  showTopKeys(cache, topKeys);
}

/** @param {string} cache */
function choose(cache) {
  chosen = cache;
  chooseCache(cache);
  showChosen(cache).catch(lost);
  byId('look-up').querySelector('input')?.focus();
}

/** @param {unknown} error */
function lost(error) {
  setText(byId('live'), `Not live: ${error instanceof Error ? error.message : 'no answer'}`);
}

function listen() {
  stream?.close();
  stream = new EventSource(`${base}/api/events`);
  stream.addEventListener('overview', ({ data }) => {
    show(JSON.parse(data)).catch(lost);
  });
  stream.addEventListener('activity', ({ data }) => showActivity([JSON.parse(data)]));
  stream.addEventListener('error', () => {
    setText(byId('live'), 'Not live: connecting again…');
    // A browser gives up on a stream that was refused.
    if (stream?.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS);
  });
}

function useTheme() {
  document.documentElement.dataset.theme = theme.value;
  charts.recolour();
}

theme.value = localStorage.getItem('rcache-theme') ?? 'system';
theme.addEventListener('change', () => {
  localStorage.setItem('rcache-theme', theme.value);
  useTheme();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => charts.recolour());
span.addEventListener('change', () => {
  shownHistoryAtMs = 0;
  api('overview').then(show).catch(lost);
});
// Nobody looks: nothing is asked for.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) stream?.close();
  else listen();
});
useTheme();
try {
  const me = await api('me');
  mayWrite = me.rights.includes('write');
  prepareActions(me);
  prepareLookUp();
  prepareSessions(mayWrite);
  prepareExamination();
  listen();
} catch (error) {
  lost(error);
}
