// @ts-check
import { ask } from './app.js';
import { bodyOf, byId, milliseconds, row, setText } from './dom.js';

const USER = '/users/57/permissions';
const PERMISSION = 'roles:write';
const ROLE = 'Administrator';
const [HERE, THERE] = ['app-1', 'app-2'];
const LONGEST_MS = 5_000;
const ROWS = 20;

/**
 * What an instance answered after the revocation was confirmed.
 * @typedef {object} Observation
 * @property {string} instance
 * @property {number} allowing answers that still allowed what was revoked
 * @property {number} outdated answers that still had the role
 * @property {number} [rightMs] until the first answer that was right in both
 */

export function prepareRevocation() {
  const button = /** @type {HTMLButtonElement} */ (byId('revoke'));
  button.addEventListener('click', () => {
    button.disabled = true;
    grantAndRevoke()
      .then(show, (/** @type {unknown} */ error) => setText(byId('verdict'), String(error)))
      .finally(() => (button.disabled = false));
  });
}

async function grantAndRevoke() {
  const { body: own } = await ask('/users/1/permissions');
  const role = own?.roles?.find((/** @type {{ name: string }} */ { name }) => name === ROLE);
  if (role === undefined) throw new Error('The roles cannot be read at the moment.');
  const path = `/users/57/roles/${role.id}`;
  await mustChange('PUT', path);
  await Promise.all([HERE, THERE].map((instance) => until(instance, ({ isAllowed, hasRole }) => isAllowed && hasRole)));
  const sentAtMs = performance.now();
  await mustChange('DELETE', path);
  const revokedAtMs = performance.now();
  const observations = await Promise.all([HERE, THERE].map((instance) => observe(instance, revokedAtMs)));
  return { revokedMs: revokedAtMs - sentAtMs, observations };
}

/** @param {string} method @param {string} path */
async function mustChange(method, path) {
  const { status } = await ask(path, { method, instance: HERE });
  if (status !== 204) throw new Error(`The role could not be changed (${status || 'no answer'}).`);
}

/** @param {string} instance */
async function look(instance) {
  const { status, body } = await ask(USER, { instance });
  if (status !== 200) return undefined;
  return {
    isAllowed: body.permissions.some(
      (/** @type {{ permission: string }} */ { permission }) => permission === PERMISSION,
    ),
    hasRole: body.roles.some((/** @type {{ name: string }} */ { name }) => name === ROLE),
  };
}

/** @param {string} instance @param {(seen: { isAllowed: boolean, hasRole: boolean }) => boolean} isWanted */
async function until(instance, isWanted) {
  const endAtMs = performance.now() + LONGEST_MS;
  while (performance.now() < endAtMs) {
    const seen = await look(instance);
    if (seen && isWanted(seen)) return;
  }
  throw new Error(`${instance} does not hear of the role at the moment.`);
}

/** @param {string} instance @param {number} revokedAtMs @returns {Promise<Observation>} */
async function observe(instance, revokedAtMs) {
  /** @type {Observation} */
  const observation = { instance, allowing: 0, outdated: 0 };
  while (performance.now() < revokedAtMs + LONGEST_MS) {
    const seen = await look(instance);
    if (seen?.isAllowed) observation.allowing += 1;
    if (seen?.hasRole) observation.outdated += 1;
    if (!seen || seen.isAllowed || seen.hasRole) continue;
    observation.rightMs = performance.now() - revokedAtMs;
    break;
  }
  return observation;
}

/** @param {{ revokedMs: number, observations: Observation[] }} result */
function show({ revokedMs, observations }) {
  const allowing = observations.reduce((sum, each) => sum + each.allowing, 0);
  setText(
    byId('verdict'),
    `Revoked on ${HERE} in ${milliseconds(revokedMs)}. ` +
      (allowing === 0 ? 'Both denied it with their first answer.' : `${allowing} answers still allowed it.`),
  );
  const at = new Date().toLocaleTimeString();
  const body = bodyOf('revocations');
  body.prepend(
    ...observations.map(({ instance, allowing, outdated, rightMs }) =>
      row([at, instance, countCell(allowing), countCell(outdated), ['number', milliseconds(rightMs)]]),
    ),
  );
  while (body.rows.length > ROWS) body.deleteRow(-1);
}

/** @param {number} wrong @returns {[string, string]} */
const countCell = (wrong) => [wrong === 0 ? 'number' : 'number bad', String(wrong)];
