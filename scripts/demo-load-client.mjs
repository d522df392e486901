// @ts-check
import { inParallel } from './demo-load-run.mjs';

const PASSWORD = 'comply-demo';
/** What a browser would not wait for, and a load balancer neither. */
export const PATIENCE_MS = 5_000;

/** @typedef {import('./demo-requests.mjs').DemoRequest} DemoRequest */

/**
 * @typedef {object} Answer
 * @property {DemoRequest} request
 * @property {number} ms
 * @property {number} status 0 when there was none within `PATIENCE_MS`
 * @property {boolean} isNotModified 304: the body is the one that the client had
 * @property {unknown} body
 */

/**
 * A client of several instances, which it asks in turns. Like a browser it keeps what it has got with an `ETag`, each user
 * on their own, and asks whether that still holds.
 */
export class DemoClient {
  /** Answers so far, those with a 5xx left out. */
  answered = 0;
  #turn = 0;
  /** @type {Map<string, { etag: string, body: unknown }>} */
  #kept = new Map();

  /**
   * @param {string[]} urls of the instances
   * @param {Map<number, string>} cookies by user
   */
  constructor(urls, cookies) {
    this.urls = urls;
    this.cookies = cookies;
  }

  /**
   * @param {DemoRequest} request
   * @returns {Promise<Answer>}
   */
  async ask(request) {
    const { method, path, body, userId } = request;
    const url = `${this.urls[(this.#turn += 1) % this.urls.length]}${path}`;
    const slot = `${userId} ${path}`;
    const kept = method === 'GET' ? this.#kept.get(slot) : undefined;
    const headers = {
      cookie: this.cookies.get(userId) ?? '',
      // With a condition fetch would add `no-cache`, and so ask for the whole answer.
      ...(kept && { 'if-none-match': kept.etag, 'cache-control': 'max-age=0' }),
    };
    const startedMs = performance.now();
    try {
      const answer = await send(url, method, body, headers);
      if (answer.status < 500) this.answered += 1;
      const isNotModified = answer.status === 304;
      const { etag } = answer;
      if (method === 'GET' && answer.status === 200 && etag) this.#kept.set(slot, { etag, body: answer.body });
      const ms = performance.now() - startedMs;
      return { request, ms, status: answer.status, isNotModified, body: isNotModified ? kept?.body : answer.body };
    } catch {
      return { request, ms: performance.now() - startedMs, status: 0, isNotModified: false, body: undefined };
    }
  }
}

/**
 * The `Cookie` header of each user, logged in.
 * @param {string} url of an instance
 * @param {Map<number, string>} emails
 * @returns {Promise<Map<number, string>>}
 */
export async function logIn(url, emails) {
  const cookies = new Map();
  await inParallel([...emails], async ([userId, email]) => {
    const { status, body, cookie } = await send(`${url}/auth/login`, 'POST', { email, password: PASSWORD });
    if (status !== 200) throw new Error(`${email} could not log in: ${status} ${JSON.stringify(body)}`);
    cookies.set(userId, cookie);
  });
  return cookies;
}

/**
 * @param {string} url
 * @param {string} method
 * @param {object} [body]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<{ status: number, body: any, etag: string | null, cookie: string | undefined }>} with the first cookie it
 *   sets
 */
async function send(url, method, body, headers) {
  const response = await fetch(url, {
    method,
    headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const text = await response.text();
  const [first] = response.headers.getSetCookie();
  return {
    status: response.status,
    body: text === '' ? undefined : JSON.parse(text),
    etag: response.headers.get('etag'),
    cookie: first?.split(';', 1)[0],
  };
}
