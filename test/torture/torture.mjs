// @ts-check
import { startFaultProxy } from '../lab/fault-proxy.mjs';
import { Checker } from './checker.mjs';
import { nowMs } from './clock.mjs';
import { TORTURE_FAULTS } from './faults.mjs';
import { Fleet } from './fleet.mjs';
import { Phases } from './phases.mjs';
import { seeded } from './random.mjs';
import { RECORDS } from './records.mjs';
import { Truth } from './truth.mjs';

/** @typedef {'standalone' | 'sentinel' | 'cluster'} Topology */
/**
 * @typedef {object} TortureOptions
 * @property {Topology} topology
 * @property {number} seconds
 * @property {number} seed
 * @property {number} processes
 * @property {readonly string[]} faults names of TORTURE_FAULTS; those a topology cannot have are left out
 * @property {string} library folder of the built library
 * @property {number} readsPerSecond of each process
 * @property {number} writeShare
 * @property {string | undefined} breakage
 * @property {string} historyFolder
 * @property {(line: string) => void} say progress
 *
 * @typedef {Awaited<ReturnType<typeof torture>>} TortureResult
 */

const NAMESPACE = 'torture';
const MAX_STALENESS_MS = 2000;
/** Longest time until everything works again after a fault. */
const RECOVERY_MS = 20_000;
const HEALTHY_MS = { least: 300, most: 2500 };

/** Runs one torture and judges it. @param {TortureOptions} options */
export async function torture(options) {
  const { topology, seconds, seed, processes, say } = options;
  const lab = await startLab(topology);
  const roads = await roadsTo(lab, processes);
  const truth = new Truth(RECORDS.length);
  const phases = new Phases(MAX_STALENESS_MS);
  const checker = new Checker({
    truth,
    phases,
    records: RECORDS.length,
    maxStalenessMs: MAX_STALENESS_MS,
    historyFolder: options.historyFolder,
    name: `${topology}-${seed}`,
  });
  const { library, readsPerSecond, writeShare, breakage } = options;
  const fleet = new Fleet({
    shared: { library, processes, readsPerSecond, writeShare, breakage, breakableUrl: lab.nodes[0]?.url },
    engineAt: (place) => ({ namespace: NAMESPACE, startTimeout: '5s', connection: roads.connectionAt(place) }),
    seed,
    truth,
    checker,
  });
  try {
    await Promise.all(Array.from({ length: processes }, (_, place) => fleet.start(place)));
    if (!(await fleet.until(() => fleet.isWell(0), RECOVERY_MS))) checker.problem('the processes never came up');
    fleet.begin();
    const beganMs = nowMs();
    const signal = AbortSignal.timeout(seconds * 1000);
    const random = seeded(seed);
    const victims = { lab, roads: roads.proxies, fleet, truth, checker, random, namespace: NAMESPACE, signal };
    await strikes({ ...options, victims, phases });
    const lastedMs = nowMs() - beganMs;
    await fleet.end(60_000);
    say(`${topology}: ${checker.tally.reads} reads, ${checker.violationCount} violations`);
    return {
      ...{ topology, seed, processes, lastedMs, breakage },
      ...{ faults: phases.count, tally: checker.tally, unstored: fleet.unstored, heapGrowthMb: fleet.heapGrowthMb },
      ...{ violations: checker.violations, violationCount: checker.violationCount },
    };
  } finally {
    fleet.kill();
    await roads.stop();
    await lab.stop();
  }
}

/** One fault after the other, each after a healthy while, until the time is over. @param {TortureOptions & { victims: import('./faults.mjs').Victims, phases: Phases }} options */
async function strikes({ topology, faults, victims, phases, say }) {
  const { random, signal, fleet, checker } = victims;
  const names = faults.filter((name) => TORTURE_FAULTS[name]?.in?.includes(topology) ?? true);
  /** @type {string[]} */
  let left = [];
  while (!signal.aborted) {
    const restUntilMs = nowMs() + random.between(HEALTHY_MS.least, HEALTHY_MS.most) + MAX_STALENESS_MS;
    await fleet.until(() => signal.aborted || nowMs() > restUntilMs, Infinity);
    if (signal.aborted || names.length === 0) continue;
    // Each once before any twice.
    if (left.length === 0) left = random.some(names, names.length);
    const name = /** @type {string} */ (left.pop());
    const { strike, isSplit = false } = /** @type {import('./faults.mjs').TortureFault} */ (TORTURE_FAULTS[name]);
    phases.begin(name, isSplit);
    const beganMs = nowMs();
    await strike(victims);
    const struckMs = nowMs();
    if (!(await fleet.until(() => fleet.isWell(struckMs), RECOVERY_MS))) {
      checker.problem(`not everything works ${RECOVERY_MS} ms after ${name}: ${stateOf(fleet)}`);
    }
    phases.end();
    say(`${name} ${(struckMs - beganMs).toFixed(0)} ms, well again after ${(nowMs() - struckMs).toFixed(0)} ms`);
  }
}

/** @param {Fleet} fleet */
function stateOf({ members }) {
  return members.map(({ name, last }) => `\n    ${name} ${last?.state}`).join('');
}

/** @param {Topology} topology */
async function startLab(topology) {
  switch (topology) {
    case 'standalone':
      return (await import('../lab/standalone.mjs')).startStandalone({ persistent: true });
    case 'sentinel':
      return (await import('../lab/sentinel.mjs')).startSentinel();
    case 'cluster':
      return (await import('../lab/cluster.mjs')).startCluster();
  }
}

/**
 * What lies between the processes and the servers. To a standalone server each process has a way of its own, so that one
 * can be cut off while another is not; the other topologies tell their clients where to go.
 *
 * @param {import('../lab/standalone.mjs').Lab} lab
 * @param {number} processes
 */
async function roadsTo(lab, processes) {
  if (lab.topology !== 'standalone') {
    const proxies = lab.nodes.map(({ proxy }) => proxy);
    return { proxies, connectionAt: () => lab.connection, stop: async () => undefined };
  }
  const targetPort = /** @type {import('../lab/lab-node.mjs').LabNode} */ (lab.nodes[0]).port;
  const proxies = await Promise.all(Array.from({ length: processes }, () => startFaultProxy({ targetPort })));
  return {
    proxies,
    connectionAt: (/** @type {number} */ place) => ({ ...lab.connection, url: proxies[place]?.url }),
    stop: async () => {
      await Promise.all(proxies.map((proxy) => proxy.stop()));
    },
  };
}
