// @ts-check
import { isDeepStrictEqual } from 'node:util';
import { RememberedTruth } from './demo-truth.mjs';

/** @typedef {import('./demo-load-client.mjs').Answer} Answer */
/** @typedef {import('./demo-load-client.mjs').DemoClient} DemoClient */
/** @typedef {import('./demo-requests.mjs').DemoRequest} DemoRequest */
/** @typedef {import('./demo-truth.mjs').Truth} Truth */
/** What the database has said, by organisation. @typedef {Map<number, RememberedTruth>} Known */
/** @typedef {{ p50: number, p95: number, p99: number }} Percentiles */

/** So few, because more would measure how long requests queue on a small machine that runs everything. */
export const CONCURRENCY = 2;

/**
 * What came of one run.
 * @typedef {object} RunResult
 * @property {Percentiles} readMs
 * @property {Percentiles} writeMs
 * @property {Record<string, number>} p50Ms by route
 * @property {number} requests
 * @property {number} requestsPerSecond
 * @property {number} sqlStatements
 * @property {number | undefined} hitRatio undefined without a cache
 * @property {number | undefined} coalescedLoads undefined where nobody counts them
 * @property {number} notModifiedShare of the answers to GET
 * @property {number} slowestMs
 * @property {string[]} errors a line for each request without an answer, or with a 5xx
 * @property {string[]} wrong a line for each wrong answer
 */

/**
 * Sends requests and checks each answer against the database. A write has the application for itself and is followed by
 * the reads up to the next write, some at a time; then all of them are checked, before the next write changes what is
 * right. Only the requests are on the clock.
 *
 * @param {object} options
 * @param {DemoClient} options.client
 * @param {DemoRequest[]} options.requests
 * @param {Truth} options.truth
 * @param {Known} [options.known] what the database has said, up to the last write in each organisation. To be kept where all
 *   that is written comes from such runs; default: the database is asked anew after each write
 * @param {(done: number) => boolean} [options.isEnough] asked before each write; default: when all requests are sent
 * @returns {Promise<RunResult>}
 */
export async function runRequests({ client, requests, truth, known, isEnough = () => false }) {
  /** @type {Answer[]} */
  const answers = [];
  /** @type {string[]} */
  const wrong = [];
  let busyMs = 0;
  const before = await readCounters(client.urls);
  for (const [first, ...reads] of spans(requests)) {
    if (isEnough(answers.length)) break;
    const startedMs = performance.now();
    const span = [await client.ask(/** @type {DemoRequest} */ (first))];
    await inParallel(reads, async (request) => void span.push(await client.ask(request)));
    busyMs += performance.now() - startedMs;
    if (first?.writes) known?.get(first.organisationId)?.forget(first.writes);
    wrong.push(...(await findWrong(span.filter(isAnswered), truth, known ?? new Map())));
    answers.push(...span);
  }
  const after = await readCounters(client.urls);
  const counted = (/** @type {keyof typeof after} */ name) => after[name] - before[name];
  const timesOf = (/** @type {(answer: Answer) => boolean} */ isWanted) => answers.filter(isWanted).map(({ ms }) => ms);
  const names = [...new Set(answers.map(({ request }) => request.name))].sort();
  const gets = answers.filter(({ request }) => request.method === 'GET');
  const asked = counted('hits') + counted('misses');
  return {
    readMs: percentiles(timesOf(({ request }) => !request.isWrite)),
    writeMs: percentiles(timesOf(({ request }) => request.isWrite)),
    p50Ms: Object.fromEntries(
      names.map((name) => [name, percentiles(timesOf(({ request }) => request.name === name)).p50]),
    ),
    requests: answers.length,
    requestsPerSecond: (answers.length / busyMs) * 1_000,
    sqlStatements: counted('sqlStatements'),
    hitRatio: asked === 0 ? undefined : counted('hits') / asked,
    coalescedLoads: counted('counting') > 0 ? counted('coalesced') : undefined,
    notModifiedShare: gets.filter(({ isNotModified }) => isNotModified).length / gets.length,
    slowestMs: Math.max(...answers.map(({ ms }) => ms)),
    errors: answers
      .filter((answer) => !isAnswered(answer))
      .map(
        ({ request, status, ms }) => `${request.method} ${request.path}: ${status || 'none'} after ${ms.toFixed()} ms`,
      ),
    wrong,
  };
}

/** @param {Answer} answer */
function isAnswered({ status }) {
  return status !== 0 && status < 500;
}

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
 * @param {Answer[]} answers
 * @param {Truth} truth
 * @param {Known} known
 * @returns {Promise<string[]>}
 */
async function findWrong(answers, truth, known) {
  /** @type {string[]} */
  const wrong = [];
  await inParallel(answers, async ({ request, status, isNotModified, body }) => {
    const told = known.get(request.organisationId) ?? new RememberedTruth(truth);
    known.set(request.organisationId, told);
    const expected = asJson(await request.expected(told.truth));
    if ((status < 300 || isNotModified) && isDeepStrictEqual(body, expected)) return;
    const question = [request.userId, request.method, request.path, JSON.stringify(request.body)].join(' ');
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
export async function inParallel(items, work) {
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

/**
 * Of all instances together.
 * @param {string[]} urls
 */
export async function readCounters(urls) {
  const pages = await Promise.all(urls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
  const text = pages.join('\n');
  const total = (/** @type {RegExp} */ line) =>
    [...text.matchAll(line)].reduce((sum, [, value]) => sum + Number(value), 0);
  return {
    sqlStatements: total(/^complydesk_sql_statements_total (\S+)$/gm),
    hits: total(/^(?:rcache|baseline)_requests_total\{.*result="(?:hit|stale)".*\} (\S+)$/gm),
    misses: total(/^(?:rcache|baseline)_requests_total\{.*result="miss".*\} (\S+)$/gm),
    coalesced: total(/^rcache_coalesced_total\{.*\} (\S+)$/gm),
    counting: total(/^rcache_requests_total\{.*\} (\S+)$/gm),
  };
}

/** @param {number[]} times */
function percentiles(times) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (/** @type {number} */ share) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
