// @ts-check
// What is ordered for a while, as a banner, and sessions of a user.
import { act, api, attempt, tell } from './actions.js';
import { byId, duration, element, setText } from './dom.js';

/** @typedef {import('../src/admin/admin.service.js').Overview} Overview */
/** @typedef {import('../src/admin/admin-sessions.js').DeviceSession} Device */
/** @typedef {{ said: string, untilMs: number, wanted?: object }} Order */

const SECOND_MS = 1_000;
/** @type {readonly Order[]} */
let orders = [];
let mayAct = false;

/** @param {Overview} overview @param {boolean} mayWrite */
export function showOrders({ overrides, instances }, mayWrite) {
  mayAct = mayWrite;
  const ends = (/** @type {number} */ remainingMs) => performance.now() + remainingMs;
  orders = [
    ...overrides.bypasses.map(({ cache, remainingMs, isEverywhere }) => ({
      said: `Cache ${cache} is bypassed ${isEverywhere ? 'everywhere' : 'in this process'}`,
      untilMs: ends(remainingMs),
      wanted: { kind: 'bypass', cache },
    })),
    ...overrides.breakers.map(({ connection, state, remainingMs }) => ({
      said: `The breaker of ${connection} is held ${state} in this process`,
      untilMs: ends(remainingMs),
      wanted: { kind: 'breaker', connection },
    })),
    ...instances
      .filter(({ isThis }) => !isThis)
      .flatMap(({ host, pid, holds }) =>
        holds.map(({ connection, state, remainingMs }) => ({
          said: `The breaker of ${connection} is held ${state} in process ${host} ${pid}`,
          untilMs: ends(remainingMs),
        })),
      ),
  ];
  draw();
}

/** Items stay as long as they say the same, so that a button under a pointer does. */
function draw() {
  const list = byId('orders');
  const running = orders.filter(({ untilMs }) => untilMs > performance.now());
  list.hidden = running.length === 0;
  const known = new Map(Array.from(list.children, (item) => [item.getAttribute('data-said'), item]));
  const items = running.map((order) => known.get(order.said) ?? itemOf(order));
  for (const [index, item] of items.entries()) {
    const { untilMs = 0 } = running[index] ?? {};
    const time = item.querySelector('time');
    if (time !== null) setText(time, duration(Math.ceil((untilMs - performance.now()) / SECOND_MS)));
  }
  if (items.length !== list.children.length || items.some((item, index) => list.children[index] !== item)) {
    list.replaceChildren(...items);
  }
}

/** @param {Order} order */
function itemOf({ said, wanted }) {
  const item = element('li', { 'data-said': said }, element('strong', {}, said), ', for ', element('time'));
  if (!mayAct || wanted === undefined) return item;
  const end = element('button', { type: 'button' }, 'End it now');
  end.addEventListener('click', () => {
    void attempt(async () => {
      const { status } = await api('overrides/end', wanted);
      tell(`Ended: ${status}.`);
    });
  });
  item.append(end);
  return item;
}

setInterval(draw, SECOND_MS);

/** @param {boolean} mayWrite */
export function prepareSessions(mayWrite) {
  const form = /** @type {HTMLFormElement} */ (byId('user-sessions'));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const user = String(new FormData(form).get('user'));
    void attempt(() => listSessions(user, mayWrite));
  });
}

/** @param {string} user @param {boolean} mayWrite */
async function listSessions(user, mayWrite) {
  const devices = /** @type {Device[]} */ (await api('sessions', { user }));
  const revoke = (/** @type {string} */ label, /** @type {object} */ wanted) => {
    const button = element('button', { type: 'button' }, label);
    button.addEventListener('click', () => {
      void attempt(async () => {
        await act({ ...wanted, user });
        await listSessions(user, mayWrite);
      });
    });
    return button;
  };
  const items = devices.map(({ handle, userAgent, ip, lastSeenAt }) => {
    const short = handle.slice(0, 8);
    const said = [short, userAgent, ip].filter((text) => text !== undefined).join(', ');
    const item = element('li', {}, `${said}, seen ${new Date(lastSeenAt).toLocaleString()}`);
    if (mayWrite) item.append(revoke(`End ${short}`, { kind: 'session', session: handle }));
    return item;
  });
  if (mayWrite && devices.length > 0) items.push(element('li', {}, revoke('End all of them', { kind: 'sessions' })));
  byId('session-list').replaceChildren(...(items.length === 0 ? [element('li', {}, 'None.')] : items));
}
