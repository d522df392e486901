// @ts-check
// The scenarios that two instances of the reference application show, asked over HTTP.
import { logIn } from './demo-load-client.mjs';
import { readCounters } from './demo-load-run.mjs';
import { percentile } from './demo-scenarios-measure.mjs';

/** @typedef {import('./demo-scenarios-measure.mjs').Scenario} Scenario */
/** @typedef {import('./demo-requests.mjs').Population} Population */
/**
 * @typedef {object} Fleet
 * @property {string[]} urls of two instances
 * @property {Population} population
 * @property {(userIds: number[]) => Promise<Map<number, string>>} emails
 */

/**
 * @param {Fleet} fleet
 * @param {{ rounds: number, maxLagMs: number }} size
 * @returns {Promise<Scenario[]>}
 */
export async function appScenarios({ urls, population, emails }, { rounds, maxLagMs }) {
  const [first = '', second = ''] = urls;
  const [organisation] = population.organisations;
  if (!organisation) throw new Error('There is no organisation in the database.');
  const { adminId, userIds, productIds } = organisation;
  const cookie = (await logIn(first, await emails([adminId]))).get(adminId) ?? '';

  /** @param {string} method @param {string} url @param {object} [body] */
  const ask = async (method, url, body) => {
    const headers = { cookie, ...(body && { 'content-type': 'application/json' }) };
    const startedMs = performance.now();
    const response = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    if (response.status >= 300) throw new Error(`${method} ${url}: ${response.status} ${text}`);
    return { startedMs, ms: performance.now() - startedMs, body: text === '' ? undefined : JSON.parse(text) };
  };

  return [
    {
      title: 'cold and warm',
      run: async () => {
        /** @param {string} url */
        const validateAll = async (url) => {
          const times = [];
          const before = await readCounters([url]);
          for (const id of productIds) times.push((await ask('POST', `${url}/products/${id}/validate`)).ms);
          const after = await readCounters([url]);
          return { ms: percentile(times, 0.5), statements: after.sqlStatements - before.sqlStatements };
        };
        const [cold, warm] = [await validateAll(first), await validateAll(second)];
        const told = (/** @type {typeof cold} */ { ms, statements }) =>
          `${ms.toFixed(1)} ms and ${statements} SQL statements`;
        return {
          figure: `${told(cold)}, then ${told(warm)} on the other instance (p50 of ${productIds.length} products)`,
          isKept: warm.statements < cold.statements / 2,
          values: {
            coldMs: cold.ms,
            warmMs: warm.ms,
            coldStatements: cold.statements,
            warmStatements: warm.statements,
          },
        };
      },
    },
    {
      title: 'revocation across instances',
      run: async () => {
        const userId = userIds.at(-1) ?? 0;
        const { roles } = (await ask('GET', `${first}/users/${adminId}/permissions`)).body;
        const { id } = roles.find((/** @type {{ name: string }} */ { name }) => name === 'Administrator');
        const role = `/users/${userId}/roles/${id}`;
        const question = { userId, permission: 'rules:write' };
        const isAllowed = () => ask('POST', `${second}/authz/check`, question);
        const lagsMs = [];
        const answersMs = [];
        for (let round = 0; round < rounds; round += 1) {
          await ask('PUT', `${first}${role}`);
          if (!(await isAllowed()).body.allowed) throw new Error('A granted role does not show.');
          await ask('DELETE', `${first}${role}`);
          const revokedMs = performance.now();
          let answer = await isAllowed();
          while (answer.body.allowed) answer = await isAllowed();
          lagsMs.push(answer.startedMs - revokedMs);
          answersMs.push(performance.now() - revokedMs);
        }
        const [lagMs, answerMs] = [percentile(lagsMs, 0.99), percentile(answersMs, 0.99)];
        return {
          figure: `the other instance denies what comes ${lagMs.toFixed(1)} ms later, and has said so within ${answerMs.toFixed(1)} ms (p99 of ${rounds})`,
          isKept: lagMs <= maxLagMs,
          values: { lagMs, answerMs },
        };
      },
    },
  ];
}
