// @ts-check
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nowMs } from './clock.mjs';
import { RECORDS } from './records.mjs';

/** @typedef {import('../lab/fault-proxy.mjs').FaultProxy} FaultProxy */
/** @typedef {import('../lab/faults.mjs').Fault} NetworkFault */
/** @typedef {import('../lab/connection-kind.mjs').ConnectionKind} ConnectionKind */

/**
 * What faults work on.
 * @typedef {object} Victims
 * @property {any} lab
 * @property {FaultProxy[]} roads the proxies that workers pass
 * @property {import('./fleet.mjs').Fleet} fleet
 * @property {import('./truth.mjs').Truth} truth
 * @property {import('./checker.mjs').Checker} checker
 * @property {import('./random.mjs').Random} random
 * @property {string} namespace
 * @property {AbortSignal} signal aborted when the run is to end
 *
 * @typedef {object} TortureFault
 * @property {(victims: Victims) => Promise<void>} strike begins, lasts and ends it
 * @property {boolean} [isSplit] whether acknowledged writes may be lost, or two servers believe that they are primary
 * @property {readonly ('standalone' | 'sentinel' | 'cluster')[]} [in] topologies, default all
 */

/** @type {readonly (readonly ConnectionKind[] | undefined)[]} */
const KINDS = [undefined, undefined, ['link'], ['data'], ['control'], ['data', 'control', 'other']];

/** @type {Record<string, TortureFault>} */
export const TORTURE_FAULTS = {
  'black-hole': network(() => ({ type: 'black-hole' })),
  'half-open': network(() => ({ type: 'half-open' })),
  refuse: network(() => ({ type: 'refuse' })),
  'accept-then-close': network(() => ({ type: 'accept-then-close' })),
  'drop-replies': network(() => ({ type: 'drop-replies' })),
  'cut-mid-reply': network(({ below }) => ({ type: 'cut-mid-reply', times: 1 + below(20) })),
  'corrupt-byte': network(({ below }) => ({ type: 'corrupt-byte', times: 1 + below(20) })),
  latency: network(({ between }) => ({ type: 'latency', ms: Math.round(between(20, 400)) })),
  throttle: network(() => ({ type: 'throttle', bytesPerSecond: 20_000 })),
  'silent-link': network(() => ({ type: 'black-hole' }), [['link']]),
  'slow-link': network(({ between }) => ({ type: 'latency', ms: Math.round(between(50, 450)) }), [['link']]),
  reset: {
    strike: async ({ roads, random, signal }) => {
      for (let times = 1 + random.below(10); times > 0; times -= 1) {
        random.pick(roads).reset(random.pick(KINDS));
        await pause(random.between(0, 400), signal);
      }
    },
  },
  freeze: {
    strike: async ({ lab, random, signal }) => {
      const node = random.pick(await lab.primaries());
      await node.pause();
      await pause(random.between(100, 4000), signal);
      await node.resume();
    },
    in: ['standalone'],
  },
  restart: {
    strike: async ({ lab, random, signal }) => {
      const node = random.pick(await lab.primaries());
      await node.kill();
      await pause(random.between(0, 3000), signal);
      await node.start();
    },
    in: ['standalone'],
  },
  'old-snapshot': {
    strike: async ({ lab, random, signal }) => {
      const node = random.pick(await lab.primaries());
      await node.client.save();
      await pause(random.between(100, 3000), signal);
      await node.kill();
      await pause(random.between(0, 1000), signal);
      await node.start();
      await rm(join(node.folder, 'dump.rdb'));
    },
    isSplit: true,
    in: ['standalone'],
  },
  flush: { strike: (victims) => repeatedly(victims, (primary) => primary.client.flushall()) },
  'script-flush': { strike: (victims) => repeatedly(victims, (primary) => primary.client.script('FLUSH')) },
  'evicted-ids': {
    strike: (victims) =>
      repeatedly(victims, async ({ client }) => {
        const ids = (await client.keys(`${victims.namespace}:t:*`)).filter(() => victims.random.chance(0.4));
        await Promise.all(ids.map((/** @type {string} */ id) => client.del(id)));
      }),
  },
  'foreign-delete': { strike: foreignDelete },
  'foreign-garbage': {
    strike: (victims) =>
      repeatedly(victims, async ({ client }) => {
        const entries = (await client.keys(`${victims.namespace}:e:*`)).filter(() => victims.random.chance(0.2));
        await Promise.all(entries.map((/** @type {string} */ entry) => client.set(entry, 'garbage', 'XX', 'PX', 5000)));
      }),
  },
  'no-replicas': refusing('min-replicas-to-write', '9', '0'),
  'out-of-memory': refusing('maxmemory', '1', '0'),
  clock: {
    strike: async ({ fleet, random, signal }) => {
      const { child } = random.pick(fleet.members);
      const offsetMs = random.pick([-3_600_000, 3_600_000]);
      child.send({ type: 'clock', offsetMs });
      await pause(random.between(500, 3000), signal);
      if (child.connected) child.send({ type: 'clock', offsetMs: -offsetMs });
    },
  },
  'process-freeze': {
    strike: async ({ fleet, random, signal }) => {
      const { child } = random.pick(fleet.members);
      child.kill('SIGSTOP');
      await pause(random.between(100, 4000), signal);
      child.kill('SIGCONT');
    },
  },
  'process-death': {
    strike: async ({ fleet, random }) => {
      const member = random.pick(fleet.members);
      await fleet.killOne(member);
      const { child } = await fleet.start(member.place);
      if (child.connected) child.send({ type: 'begin' });
    },
  },
  failover: {
    strike: async ({ lab }) => lab.failover(),
    isSplit: true,
    in: ['sentinel', 'cluster'],
  },
  'primary-death': {
    strike: async ({ lab, random, signal }) => {
      const node = random.pick(await lab.primaries());
      await node.kill();
      await pause(random.between(2500, 5000), signal);
      await node.start();
    },
    isSplit: true,
    in: ['sentinel', 'cluster'],
  },
  'primary-freeze': {
    strike: async ({ lab, random, signal }) => {
      const node = random.pick(await lab.primaries());
      await node.pause();
      await pause(random.between(500, 5000), signal);
      await node.resume();
    },
    isSplit: true,
    in: ['sentinel', 'cluster'],
  },
  resharding: {
    strike: async ({ lab, random, signal }) => {
      const [from, to] = random.some(await lab.primaries(), 2);
      if (!signal.aborted) await lab.moveSlots(from, to, 200 + random.below(1500));
    },
    in: ['cluster'],
  },
};

/**
 * Something between some of the workers and Redis, for some of their connections.
 * @param {(random: import('./random.mjs').Random) => NetworkFault} make
 * @param {readonly (readonly ConnectionKind[] | undefined)[]} [kinds] one of which is chosen
 * @returns {TortureFault}
 */
function network(make, kinds = KINDS) {
  return {
    strike: async ({ roads, random, signal }) => {
      const struck = random.some(roads, 1 + random.below(roads.length));
      const fault = make(random);
      const of = random.pick(kinds);
      for (const road of struck) road.apply(fault, of);
      await pause(random.between(100, 4500), signal);
      for (const road of struck) road.heal();
    },
  };
}

/** A Redis that answers reads and refuses writes. @param {string} setting @param {string} bad @param {string} good @returns {TortureFault} */
function refusing(setting, bad, good) {
  return {
    strike: async ({ lab, random, signal }) => {
      const { client } = random.pick(await lab.primaries());
      await client.config('SET', setting, bad);
      await pause(random.between(200, 3000), signal);
      await client.config('SET', setting, good);
    },
  };
}

/** @param {Victims} victims @param {(primary: any) => Promise<unknown>} act */
async function repeatedly({ lab, random, signal }, act) {
  const primaries = await lab.primaries();
  for (let times = 1 + random.below(8); times > 0; times -= 1) {
    await Promise.all(primaries.map(act));
    await pause(random.between(5, 500), signal);
  }
}

/** Somebody changes the truth and deletes the stored entry with a plain DEL: announced like any other change. @param {Victims} victims */
async function foreignDelete({ lab, random, signal, truth, checker, namespace }) {
  const records = RECORDS.filter(({ cache }) => cache !== 'written');
  for (let times = 10 + random.below(40); times > 0; times -= 1) {
    const { id, cache, key } = random.pick(records);
    const commit = truth.write(id);
    checker.committed(id, commit);
    const entry = `${namespace}:e:{${cache}:${key}}`;
    const [node] = lab.nodeOfKey === undefined ? await lab.primaries() : [await lab.nodeOfKey(entry)];
    // Deleting what is not there cannot stop a load that is under way.
    if ((await node.client.del(entry)) === 1) {
      const target = /** @type {const} */ ({ kind: 'records', records: [id] });
      checker.foreign({ how: 'plain DEL', target, beganMs: commit.atMs, endedMs: nowMs(), isApplied: true });
    }
    await pause(random.between(0, 60), signal);
  }
}

/** Ends early when the run does. @param {number} ms @param {AbortSignal} signal */
async function pause(ms, signal) {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
