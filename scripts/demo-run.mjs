// @ts-check
import { isDeepStrictEqual } from 'node:util';

/** @typedef {import('./demo-requests.mjs').DemoRequest} DemoRequest */
/** @typedef {import('./demo-truth.mjs').Truth} Truth */

/** So few, because more would measure how long requests queue on a small machine that runs everything. */
export const CONCURRENCY = 2;
const PASSWORD = 'comply-demo';

/**
 * What came of one run.
 * @typedef {object} RunResult
 * @property {{ p50: number, p95: number, p99: number }} readMs
 * @property {{ p50: number, p95: number, p99: number }} writeMs
 * @property {Record<string, number>} p50Ms by route
 * @property {number} requestsPerSecond
 * @property {number} sqlStatements
 * @property {number | undefined} hitRatio undefined without a cache
 * @property {string[]} wrong a line for each wrong answer
 */

/**
 * The `Cookie` header of each user, logged in.
 * @param {string} url of the application
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
 * Sends the requests and checks each answer against the database. A write has the application for itself and is
 * followed by the reads up to the next write, some at a time; then all of them are checked, before the next write
 * changes what is right. Only the requests are on the clock.
 *
 * @param {object} options
 * @param {string} options.url
 * @param {Map<number, string>} options.cookies
 * @param {DemoRequest[]} options.requests
 * @param {Truth} options.truth
 * @returns {Promise<RunResult>}
 */
export async function runRequests({ url, cookies, requests, truth }) {
  /** @type {Answer[]} */
  const answers = [];
  /** @type {string[]} */
  const wrong = [];
  let busyMs = 0;
  const before = await readCounters(url);
  for (const [first, ...reads] of spans(requests)) {
    const startedMs = performance.now();
    const span = [await ask(url, cookies, /** @type {DemoRequest} */ (first))];
    await inParallel(reads, async (request) => void span.push(await ask(url, cookies, request)));
    busyMs += performance.now() - startedMs;
    wrong.push(...(await findWrong(span, truth)));
    answers.push(...span);
  }
  const after = await readCounters(url);
  const [hits, misses] = [after.hits - before.hits, after.misses - before.misses];
  const timesOf = (/** @type {(answer: Answer) => boolean} */ isWanted) => answers.filter(isWanted).map(({ ms }) => ms);
  const names = [...new Set(answers.map(({ request }) => request.name))].sort();
  return {
    readMs: percentiles(timesOf(({ request }) => !request.isWrite)),
    writeMs: percentiles(timesOf(({ request }) => request.isWrite)),
    p50Ms: Object.fromEntries(
      names.map((name) => [name, percentiles(timesOf(({ request }) => request.name === name)).p50]),
    ),
    requestsPerSecond: (answers.length / busyMs) * 1_000,
    sqlStatements: after.sqlStatements - before.sqlStatements,
    hitRatio: hits + misses === 0 ? undefined : hits / (hits + misses),
    wrong,
  };
}

/** @typedef {{ request: DemoRequest, ms: number, status: number, body: unknown }} Answer */

/**
 * Cuts the sequence before each write.
 * @param {DemoRequest[]} requests
 */
function spans(requests) {
  /** @type {DemoRequest[][]} */
  const found = [];
  for (const request of requests) {
    const last = found.at(-1);
    if (last && !request.isWrite) last.push(request);
    else found.push([request]);
  }
  return found;
}

/**
 * @param {string} url
 * @param {Map<number, string>} cookies
 * @param {DemoRequest} request
 * @returns {Promise<Answer>}
 */
async function ask(url, cookies, request) {
  const startedMs = performance.now();
  const path = `${url}${request.path}`;
  const { status, body } = await send(path, request.method, request.body, cookies.get(request.userId));
  return { request, ms: performance.now() - startedMs, status, body };
}

/**
 * @param {string} url
 * @param {string} method
 * @param {object} [body]
 * @param {string} [cookie]
 * @returns {Promise<{ status: number, body: any, cookie: string | undefined }>} the first cookie it sets
 */
async function send(url, method, body, cookie) {
  const response = await fetch(url, {
    method,
    headers: {
      ...(body && { 'content-type': 'application/json' }),
      ...(cookie && { cookie }),
    },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  const [first] = response.headers.getSetCookie();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text), cookie: first?.split(';', 1)[0] };
}

/**
 * @param {Answer[]} answers
 * @param {Truth} truth
 * @returns {Promise<string[]>}
 */
async function findWrong(answers, truth) {
  /** The same question is looked up once. @type {Map<string, Promise<unknown>>} */
  const known = new Map();
  /** @type {string[]} */
  const wrong = [];
  await inParallel(answers, async ({ request, status, body }) => {
    const question = [request.userId, request.method, request.path, JSON.stringify(request.body)].join(' ');
    let pending = known.get(question);
    if (!pending) known.set(question, (pending = request.expected(truth)));
    const expected = asJson(await pending);
    if (status < 300 && isDeepStrictEqual(body, expected)) return;
    wrong.push(`${question}: ${status} ${JSON.stringify(body)}, and the database says ${JSON.stringify(expected)}`);
  });
  return wrong;
}

/** @param {unknown} value */
function asJson(value) {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

/**
 * @template T
 * @param {T[]} items
 * @param {(item: T) => Promise<void>} work
 */
async function inParallel(items, work) {
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

/** @param {string} url */
async function readCounters(url) {
  const text = await (await fetch(`${url}/metrics`)).text();
  const total = (/** @type {RegExp} */ line) =>
    [...text.matchAll(line)].reduce((sum, [, value]) => sum + Number(value), 0);
  return {
    sqlStatements: total(/^complydesk_sql_statements_total (\S+)$/gm),
    hits: total(/^rcache_requests_total\{.*result="(?:hit|stale)".*\} (\S+)$/gm),
    misses: total(/^rcache_requests_total\{.*result="miss".*\} (\S+)$/gm),
  };
}

/** @param {number[]} times */
function percentiles(times) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (/** @type {number} */ share) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
