// @ts-check
import { publishedUsers } from '../lab/acl.mjs';

/** @typedef {import('../lab/lab.mjs').Lab} Lab */

/** The users of docs/acl.md, for the namespaces of specs. */
export const SPEC_USERS = publishedUsers('test-*');

const shared = /** @type {{ testLabs?: Map<string, Lab> }} */ (globalThis);

/**
 * Lets the specs of a project connect to a lab; see `testConnection` in servers.ts.
 * @param {Lab} lab
 */
export function shareLab(lab) {
  process.env[`TEST_CONNECTION_${lab.topology.toUpperCase()}`] = JSON.stringify(lab.connection);
  shared.testLabs ??= new Map();
  shared.testLabs.set(lab.topology, lab);
}

/**
 * @param {Lab['topology']} topology
 * @throws {Error} when a server had to refuse one of the specs something: then docs/acl.md lacks it
 */
export async function stopSharedLab(topology) {
  const lab = shared.testLabs?.get(topology);
  if (!lab) return;
  try {
    const refusals = await Promise.all(lab.nodes.map(({ client }) => client.acl('LOG')));
    if (refusals.flat().length > 0) {
      throw new Error(`The users of docs/acl.md were refused something: ${JSON.stringify(refusals.flat())}`);
    }
  } finally {
    await lab.stop();
  }
}
