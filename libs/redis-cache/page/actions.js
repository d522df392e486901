// @ts-check
// What somebody may do, in two steps where much may go: invalidate, order something for a while, warm.
import { byId, count, element, setText } from './dom.js';
import { keep } from './panels.js';

/** @typedef {import('../src/admin/two-steps.js').Preview} Preview */
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
export function tell(text) {
  setText(byId('result'), text);
}

/** Tells what went wrong instead of failing in silence. @param {() => Promise<void>} work */
export async function attempt(work) {
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
  if (mayWrite) {
    prepareForm('invalidate', { tag: 'Tag', pattern: 'Pattern, with * and ?' });
    prepareForm('order', {});
    return;
  }
  byId('order').remove();
  byId('invalidate').replaceChildren(element('h3', {}, 'Invalidate'), element('p', {}, 'You may look, not act.'));
}

/** @param {readonly string[]} names */
export function offerCaches(names) {
  offer('cache', names);
}

/** @param {readonly { name: string }[]} connections */
export function offerConnections(connections) {
  offer(
    'connection',
    connections.map(({ name }) => name),
  );
}

/** @param {string} field @param {readonly string[]} names */
function offer(field, names) {
  for (const select of /** @type {NodeListOf<HTMLSelectElement>} */ (
    document.querySelectorAll(`form select[name=${field}]`)
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

/**
 * A form that says what is wanted: only the fields of the chosen kind are shown, and sent.
 * @param {string} id
 * @param {Record<string, string>} targets what the target is called, by kind, where it is no key
 */
function prepareForm(id, targets) {
  const form = /** @type {HTMLFormElement} */ (byId(id));
  const kind = /** @type {HTMLSelectElement} */ (form.elements.namedItem('kind'));
  const label = form.querySelector('.target');
  const fit = () => {
    const [wanted = ''] = kind.value.split(' ');
    for (const part of /** @type {NodeListOf<HTMLElement>} */ (form.querySelectorAll('[data-for]'))) {
      part.hidden = !(part.dataset.for ?? '').split(' ').includes(wanted);
    }
    if (label !== null) setText(label, targets[wanted] ?? 'Key');
  };
  kind.addEventListener('change', fit);
  fit();
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const shown = Array.from(new FormData(form)).filter(([name]) => {
      const field = form.elements.namedItem(name);
      return field instanceof HTMLElement && field.closest('[hidden]') === null;
    });
    const [wanted, state] = kind.value.split(' ');
    const more = state === undefined ? {} : { state };
    void attempt(() => act({ ...Object.fromEntries(shown), ...more, kind: wanted }));
  });
}

/** Previews, asks, and does. @param {Record<string, unknown>} wanted */
export async function act(wanted) {
  const preview = /** @type {Preview} */ (await api('actions/preview', wanted));
  if (!(await isConfirmed(preview))) return;
  const { status } = await api('actions', { token: preview.token });
  tell({ applied: 'Done.', queued: 'Not yet: queued until Redis is back.' }[String(status)] ?? `Done: ${status}.`);
}

/**
 * Shows what would happen, and waits for a decision.
 * @param {Preview} preview
 * @returns {Promise<boolean>}
 */
function isConfirmed({ what, name, entries, isEstimate, sample }) {
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
  if (entries === undefined && !isEstimate) return '';
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
      const { loaded, present, failed, total } = progress;
      /** @type {Record<string, string>} */
      const known = total === undefined ? {} : { max: String(total), value: String(loaded + present + failed) };
      item.append(element('progress', { 'aria-label': `${warmer} runs`, ...known }), done);
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
