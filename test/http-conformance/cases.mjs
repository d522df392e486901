// @ts-check
import suites from 'http-cache-tests/tests/index.mjs';
import { ownSuite } from './own-cases.mjs';

/**
 * @typedef {{ id: string, name: string, kind?: 'required' | 'optimal' | 'check', browser_only?: boolean, requests: any[] }} Case
 * @typedef {{ id: string, name: string, tests: Case[] }} Suite
 * @typedef {{ reason: string, ids: readonly string[] }} Exception
 */

/** Suites of the package that are not about a cache at the origin that gets whole responses, with the reason. */
export const NOT_APPLICABLE = {
  method: 'a response to POST is not kept for GET',
  partial: 'a part of a response is not kept; parts of a whole one are answered',
  update304: 'about handlers that answer 304 themselves; counted apart below',
  updateHEAD: 'about handlers that answer HEAD for a response that is stale',
};

const AGE = 'RFC 9111, section 5.1: the first of several values counts, and what is no whole number is ignored';
const CLOSED = 'the case takes any response for a stored one; that of a cache that must not answer is an error';
const reused = (/** @type {Case} */ { requests }) => {
  requests[1].expected_type = 'cached';
};
const answersError = (/** @type {Case} */ { requests }) => {
  requests[1] = {
    disconnect: true,
    expected_status: 502,
    check_body: false,
    expected_response_headers_missing: ['server-request-count'],
  };
};

/**
 * Cases of the package that are older than RFC 9111 (2022) and contradict it, or cannot be passed by any cache, and what
 * is expected instead.
 * @type {readonly (Exception & { correct: (each: Case) => void })[]}
 */
export const CORRECTIONS = [
  {
    reason: AGE,
    ids: [
      'age-parse-nonnumeric',
      'age-parse-negative',
      'age-parse-float',
      'age-parse-prefix-twoline',
      'age-parse-dup-0',
      'age-parse-dup-0-twoline',
      'age-parse-dup-old',
      'age-parse-parameter',
      'age-parse-numeric-parameter',
    ],
    correct: reused,
  },
  {
    reason: CLOSED,
    ids: [
      'stale-close-must-revalidate',
      'stale-close-proxy-revalidate',
      'stale-close-no-cache',
      'stale-close-s-maxage=2',
    ],
    correct: answersError,
  },
];

/**
 * Cases that are not passed, with the reason.
 * @type {readonly Exception[]}
 */
export const NOT_PASSED = [
  {
    reason: 'on purpose: a response that sets a cookie is never stored, whatever it says',
    ids: ['headers-store-Set-Cookie', 'other-set-cookie'],
  },
  {
    reason: 'on purpose: to many servers the order of languages is one of preference (RFC 9110, section 12.5.4)',
    ids: ['vary-normalise-lang-order'],
  },
  {
    reason: 'which language a server would choose is not guessed',
    ids: ['vary-normalise-lang-select'],
  },
  {
    reason: 'the date of the client is before that of the response, so it has to get it (RFC 9111, section 4.3.2)',
    ids: ['conditional-lm-fresh-no-lm'],
  },
];

/** @type {Suite[]} */
const all = [...suites, ownSuite];

/** Every case that runs, with what a cache at the origin has to do about it. */
export const cases = all.flatMap((suite) =>
  suite.tests
    .filter(({ browser_only }) => browser_only !== true)
    .map((each) => ({
      id: each.id,
      name: each.name,
      suite: suite.id,
      kind: each.kind ?? 'required',
      isApplicable: !(suite.id in NOT_APPLICABLE),
      isOwn: suite === ownSuite,
    })),
);

/** @param {readonly string[] | undefined} only ids of cases; all when there are none */
export function suitesToRun(only) {
  const corrections = new Map(CORRECTIONS.flatMap(({ ids, correct }) => ids.map((id) => [id, correct])));
  for (const { tests } of all) for (const each of tests) corrections.get(each.id)?.(each);
  return all.map((suite) => ({
    ...suite,
    tests: suite.tests.filter(({ id }) => only === undefined || only.includes(id)),
  }));
}
