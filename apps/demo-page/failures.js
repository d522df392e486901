// @ts-check
import { ask } from './app.js';
import { bodyOf, byId, element, row } from './dom.js';

const LOOK_MS = 1_000;

/** @typedef {{ name: string, title: string, isOn: boolean, isMomentary: boolean }} Failure */

/** Shows, for ever, what is broken and how the instances do. */
export async function watchFailures() {
  for (;;) {
    if (!document.hidden) {
      const { body } = await ask('/demo/state');
      if (body) {
        showSwitches(body.failures);
        await showInstances(body.instances);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** @param {Failure[]} failures */
function showSwitches(failures) {
  const list = byId('failures');
  if (list.children.length !== failures.length) list.replaceChildren(...failures.map(switchOf));
  for (const { name, isOn, isMomentary } of failures) {
    const button = list.querySelector(`[data-failure="${name}"]`);
    if (!isMomentary) button?.setAttribute('aria-pressed', String(isOn));
  }
  if (failures.length === 0)
    list.replaceChildren(element('li', {}, 'The servers are yours: the demo breaks only its own.'));
}

/** @param {Failure} failure */
function switchOf({ name, title }) {
  const button = element('button', { 'data-failure': name }, title);
  button.addEventListener('click', () => {
    const isOn = button.getAttribute('aria-pressed') !== 'true';
    button.disabled = true;
    ask(`/demo/failures/${name}`, { method: 'POST', body: { isOn } })
      .then(({ body }) => body?.failures && showSwitches(body.failures))
      .finally(() => (button.disabled = false));
  });
  return element('li', {}, button);
}

/** @param {{ name: string }[]} instances */
async function showInstances(instances) {
  const rows = await Promise.all(
    instances.map(async ({ name }) => {
      const { body } = await ask('/health/ready', { instance: name });
      return row([name, ...cellsOf(body?.details)]);
    }),
  );
  const body = bodyOf('instances');
  for (const [index, made] of rows.entries()) {
    const old = body.rows[index];
    if (old === undefined) body.append(made);
    else if (old.textContent !== made.textContent) old.replaceWith(made);
  }
}

/** @param {any} details @returns {(string | [string, string])[]} */
function cellsOf(details) {
  if (!details) return [['bad', 'no answer'], '', '', '', '', ''];
  const { redisCache, database, sessions } = details;
  const state = (/** @type {boolean} */ isGood, /** @type {string} */ text) =>
    /** @type {[string, string]} */ ([isGood ? '' : 'bad', text]);
  const upOf = (/** @type {{ status?: string }} */ { status = '' }) => state(status === 'up', status);
  const redis = redisCache.connections?.default;
  const ofRedis =
    redisCache.mode === 'disabled'
      ? ['cache off', '', '', /** @type {[string, string]} */ (['number', ''])]
      : [
          state(redis.isUp, redis.isUp ? 'up' : 'away'),
          state(redis.breaker === 'closed', redis.breaker),
          state(redis.link === 'trusted', redis.link),
          /** @type {[string, string]} */ (['number', String(redis.journaled)]),
        ];
  return [...ofRedis, upOf(database), upOf(sessions)];
}
