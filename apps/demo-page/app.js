// @ts-check
// The application behind this page's own address, as its administrator sees it.

const PATIENCE_MS = 5_000;
const ADMINISTRATOR = { email: 'user1@org1.example', password: 'comply-demo' };

/**
 * @typedef {object} Answer
 * @property {number} status 0 when there was none in time
 * @property {number} ms
 * @property {any} body
 * @property {string} by the instance that answered
 */

/**
 * @param {string} path
 * @param {object} [options]
 * @param {string} [options.method]
 * @param {object} [options.body]
 * @param {string} [options.instance] any of those that share the cache by default
 * @returns {Promise<Answer>} never rejects
 */
export async function ask(path, { method = 'GET', body, instance } = {}) {
  const sentAtMs = performance.now();
  try {
    const response = await fetch(path, {
      method,
      // What the browser keeps is not what is shown here.
      cache: 'no-store',
      headers: {
        ...(body && { 'content-type': 'application/json' }),
        ...(instance !== undefined && { 'x-demo-instance': instance }),
        'x-demo-control': 'page',
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const text = await response.text();
    const ms = performance.now() - sentAtMs;
    const isJson = response.headers.get('content-type')?.includes('json');
    const by = response.headers.get('x-demo-answered-by') ?? '';
    return { status: response.status, ms, body: isJson && text !== '' ? JSON.parse(text) : text, by };
  } catch {
    return { status: 0, ms: performance.now() - sentAtMs, body: undefined, by: '' };
  }
}

/** @returns {Promise<boolean>} whether there is a session now */
export async function logIn() {
  return (await ask('/auth/login', { method: 'POST', body: ADMINISTRATOR })).status === 200;
}
