// @ts-check
// What somebody may do: look up an entry, invalidate in two steps, warm.
import { byId, count, element, milliseconds, setText } from './dom.js';
import { keep } from './panels.js';

/** @typedef {import('../src/admin/invalidations.js').Preview} Preview */
/** @typedef {import('../src/admin/admin.service.js').WarmUpOverview} WarmUp */
/** @typedef {{ name: string, rights: readonly string[] }} Me */

const base = document.body.dataset.base ?? '';

/**
 * @param {string} path
 * @param {object} [body] sent with POST
 * @returns {Promise<any>}
 * @throws {Error} with what the server says
 */
export async function api(path, body) {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const headers = { 'content-type': 'application/json', 'x-rcache-admin': '1' };
  const response = await fetch(`${base}/api/${path}`, { ...init, headers });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.message ?? `The server answered ${response.status}.`);
  return answer;
}

/** @param {string} text */
function tell(text) {
  setText(byId('result'), text);
}

/** Tells what went wrong instead of failing in silence. @param {() => Promise<void>} work */
async function attempt(work) {
  tell('');
  try {
    await work();
  } catch (error) {
    tell(error instanceof Error ? error.message : 'That failed.');
  }
}

/** @param {Me} me */
export function prepareActions(me) {
  const mayWrite = me.rights.includes('write');
  setText(byId('who'), me.name === 'unknown' ? '' : `${me.name}${mayWrite ? '' : ', may only look'}`);
  prepareLookUp();
  if (mayWrite) prepareInvalidation();
  else byId('invalidate').replaceChildren(element('h3', {}, 'Invalidate'), element('p', {}, 'You may look, not act.'));
}

/** @param {readonly string[]} names */
export function offerCaches(names) {
  for (const select of /** @type {NodeListOf<HTMLSelectElement>} */ (
    document.querySelectorAll('form select[name=cache]')
  )) {
    const known = Array.from(select.options, ({ value }) => value);
    for (const name of names) if (!known.includes(name)) select.add(new Option(name, name));
  }
}

/** @param {string} cache */
export function chooseCache(cache) {
  for (const select of /** @type {NodeListOf<HTMLSelectElement>} */ (
    document.querySelectorAll('form select[name=cache]')
  )) {
    select.value = cache;
  }
}

function prepareLookUp() {
  const form = /** @type {HTMLFormElement} */ (byId('look-up'));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const fields = new FormData(form);
    void attempt(async () => {
      const entry = await api('entry', { cache: fields.get('cache'), key: fields.get('key') });
      byId('entry').replaceChildren(
        ...linesOf(entry).flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]),
      );
    });
  });
}

/** @param {any} entry @returns {[string, string][]} */
function linesOf(entry) {
  if (!entry.isHit) return [['Found', `no: ${entry.reason}`]];
  /** @type {[string, string][]} */
  const lines = [
    ['Found', entry.isStale ? 'yes, stale' : 'yes, fresh'],
    ['In', entry.source === 'l1' ? 'the memory of this process' : 'Redis'],
    ['Age', milliseconds(entry.ageMs)],
    ['Fresh for', milliseconds(entry.remainingMs)],
  ];
  if ('value' in entry) lines.push(['Value', JSON.stringify(entry.value)]);
  return lines;
}

function prepareInvalidation() {
  const form = /** @type {HTMLFormElement} */ (byId('invalidate'));
  const kind = /** @type {HTMLSelectElement} */ (form.elements.namedItem('kind'));
  const fit = () => {
    for (const label of /** @type {NodeListOf<HTMLElement>} */ (form.querySelectorAll('[data-for]'))) {
      label.hidden = !(label.dataset.for ?? '').split(' ').includes(kind.value);
    }
    setText(byId('target-label'), { tag: 'Tag', pattern: 'Pattern, with * and ?' }[kind.value] ?? 'Key');
  };
  kind.addEventListener('change', fit);
  fit();
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const wanted = Object.fromEntries(new FormData(form));
    if (wanted.kind === 'tag' || wanted.kind === 'namespace') delete wanted.cache;
    if (wanted.kind === 'cache' || wanted.kind === 'namespace') delete wanted.target;
    void attempt(async () => {
      const preview = /** @type {Preview} */ (await api('invalidations/preview', wanted));
      const name = { pattern: wanted.target, cache: wanted.cache, namespace: 'everything' }[String(wanted.kind)];
      if (!(await isConfirmed(preview, name === undefined ? undefined : String(name)))) return;
      const { status } = await api('invalidations', { token: preview.token });
      tell(status === 'applied' ? 'Invalidated.' : `Not yet: ${status} until Redis is back.`);
    });
  });
}

/**
 * Shows what would happen, and waits for a decision.
 * @param {Preview} preview
 * @param {string | undefined} name to be typed, where much may go
 * @returns {Promise<boolean>}
 */
function isConfirmed({ what, entries, isEstimate, sample }, name) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('confirm'));
  const field = byId('confirm-name');
  const [prompt] = field.getElementsByTagName('span');
  const [input] = field.getElementsByTagName('input');
  const [cancel, confirm] = dialog.getElementsByTagName('button');
  if (prompt === undefined || input === undefined || cancel === undefined || confirm === undefined) {
    throw new Error('The page is not whole.');
  }
  setText(byId('confirm-what'), `${what}.`);
  setText(byId('confirm-count'), howMany(entries, isEstimate));
  byId('confirm-sample').replaceChildren(...sample.map((key) => element('li', {}, key)));
  byId('confirm-sample').hidden = sample.length === 0;
  field.hidden = name === undefined;
  setText(prompt, `Type ${name ?? ''} to confirm`);
  input.value = '';
  const check = () => {
    confirm.disabled = name !== undefined && input.value !== name;
  };
  check();
  return new Promise((resolve) => {
    const ended = new AbortController();
    const { signal } = ended;
    input.addEventListener('input', check, { signal });
    cancel.addEventListener('click', () => dialog.close('cancel'), { signal });
    confirm.addEventListener('click', () => dialog.close('confirm'), { signal });
    // Escape closes it with what it was closed with before.
    dialog.addEventListener('cancel', () => (dialog.returnValue = 'cancel'), { signal });
    dialog.addEventListener(
      'close',
      () => {
        ended.abort();
        resolve(dialog.returnValue === 'confirm');
      },
      { signal },
    );
    dialog.showModal();
  });
}

/** @param {number | undefined} entries @param {boolean} isEstimate */
function howMany(entries, isEstimate) {
  if (entries === undefined) return 'How many entries that is, is not known.';
  const entriesText = `${count(entries)} ${entries === 1 ? 'entry' : 'entries'}`;
  return isEstimate ? `About ${entriesText}, by an estimate.` : `${entriesText}.`;
}

/** @param {readonly WarmUp[]} warmUps @param {boolean} mayWrite */
export function showWarmUps(warmUps, mayWrite) {
  const items = warmUps.map(({ warmer, progress }) => {
    const item = element('li', {}, element('strong', {}, warmer));
    if (progress !== undefined) {
      const done = `${count(progress.loaded)} loaded, ${count(progress.present)} there, ${count(progress.failed)} failed`;
      item.append(element('progress', { 'aria-label': `${warmer} runs` }), done);
    }
    if (!mayWrite) return item;
    const button = element(
      'button',
      { type: 'button' },
      progress === undefined ? `Warm ${warmer}` : `Cancel ${warmer}`,
    );
    button.addEventListener('click', () => {
      void attempt(async () => {
        await api(progress === undefined ? 'warm-ups' : 'warm-ups/cancel', { warmer });
        tell(progress === undefined ? `${warmer} runs.` : `${warmer} is told to stop.`);
      });
    });
    item.append(button);
    return item;
  });
  const [list] = byId('warm-ups').getElementsByTagName('ul');
  if (list !== undefined) keep(list, items.length === 0 ? [element('li', {}, 'No warmer is declared.')] : items);
}
