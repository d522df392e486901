// @ts-check
import { ask, logIn } from './app.js';
import { bodyOf, byId, element, milliseconds, row, setText, times } from './dom.js';
import { Plot } from './plot.js';

const REQUESTS = {
  'Compliance of a product': '/products/1/compliance',
  'Rules of an organisation': '/orgs/1/rules?baseline=HIGH',
  'Permissions of a user': '/users/57/permissions',
  'Statistics of today': '/orgs/1/statistics/daily',
  Myself: '/me',
};
const WITHOUT = 'no-cache';
const ROUND_MS = 400;
const ROUNDS_SHOWN = 150;
const ROWS = 20;

/** @typedef {{ atMs: number, without: import('./app.js').Answer, having: import('./app.js').Answer }} Round */

/** @type {Round[]} */
let rounds = [];
let isPaused = false;
const choice = /** @type {HTMLSelectElement} */ (byId('request'));

/** Sends the chosen request for ever: once without the cache, then once with it, so that neither is in the other's way. */
export async function runLanes() {
  choice.append(...Object.keys(REQUESTS).map((name) => element('option', {}, name)));
  choice.addEventListener('change', () => (rounds = []));
  byId('pause').addEventListener('click', () => {
    isPaused = !isPaused;
    byId('pause').setAttribute('aria-pressed', String(isPaused));
  });
  const plot = new Plot();
  for (;;) {
    const nextAtMs = performance.now() + ROUND_MS;
    if (!isPaused && !document.hidden) {
      const path = REQUESTS[/** @type {keyof typeof REQUESTS} */ (choice.value)];
      const without = await ask(path, { instance: WITHOUT });
      const having = await ask(path);
      if (having.status === 401) await logIn();
      else if (path === REQUESTS[/** @type {keyof typeof REQUESTS} */ (choice.value)]) {
        rounds = [...rounds, { atMs: Date.now(), without, having }].slice(-ROUNDS_SHOWN);
        show(plot);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, nextAtMs - performance.now())));
  }
}

/** @param {Plot} plot */
function show(plot) {
  const without = rounds.map((round) => round.without);
  const having = rounds.map((round) => round.having);
  showLane('without', without);
  showLane('with', having);
  const [slow, fast] = [medianOf(without), medianOf(having)];
  setText(byId('gain'), slow === undefined || fast === undefined ? '-' : times(slow / fast));
  const answered = (/** @type {import('./app.js').Answer} */ { status, ms }) => (status === 200 ? ms : null);
  plot.show([rounds.map(({ atMs }) => atMs / 1000), without.map(answered), having.map(answered)]);
  bodyOf('times').replaceChildren(
    ...rounds
      .slice(-ROWS)
      .reverse()
      .map((round) =>
        row([new Date(round.atMs).toLocaleTimeString(), cell(round.without), cell(round.having), round.having.by]),
      ),
  );
}

/** @param {'without' | 'with'} lane @param {import('./app.js').Answer[]} answers */
function showLane(lane, answers) {
  const box = byId(lane);
  const title = lane === 'with' ? 'With the cache' : 'Without the cache';
  if (box.children.length === 0) {
    for (const name of [title, 'Median', 'Slowest', 'Failed']) {
      box.append(element('div', {}, element('dt', {}, name), element('dd')));
    }
  }
  const last = answers.at(-1);
  const inTime = answers.filter(({ status }) => status === 200).map(({ ms }) => ms);
  const slowest = inTime.length === 0 ? undefined : Math.max(...inTime);
  const failed = answers.length - inTime.length;
  const texts = [
    last?.status === 200 ? milliseconds(last.ms) : `failed (${last?.status || 'no answer'})`,
    milliseconds(medianOf(answers)),
    milliseconds(slowest),
    String(failed),
  ];
  for (const [index, dd] of Array.from(box.querySelectorAll('dd')).entries()) setText(dd, texts[index] ?? '');
  box.querySelector('div:last-child dd')?.classList.toggle('bad', failed > 0);
}

/** @param {import('./app.js').Answer[]} answers */
function medianOf(answers) {
  const sorted = answers
    .filter(({ status }) => status === 200)
    .map(({ ms }) => ms)
    .sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** @param {import('./app.js').Answer} answer @returns {[string, string]} */
function cell({ status, ms }) {
  return status === 200 ? ['number', milliseconds(ms)] : ['number bad', `failed (${status || 'no answer'})`];
}
