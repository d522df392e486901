// @ts-check
import { FLEET } from './measures/fleet.mjs';
import { lineThrough } from './statistics.mjs';
import { OURS } from './systems.mjs';

/**
 * What one more instance costs one server, from the line through the measured sizes.
 *
 * @typedef {object} FleetCosts
 * @property {number} connections of an instance to a primary
 * @property {number} connectionBytes memory of the server for them
 * @property {number} idleCommands of an instance to a primary, per second
 * @property {number} idleMicros CPU of the server for them, per second
 * @property {number} ownIdleMicros CPU of the instance for them, per second
 * @property {number} writeMicros CPU of the server for a write nobody hears of
 * @property {number} announceMicros CPU of the server for telling one instance of one write
 * @property {number} announceBytes sent for it
 * @property {number} hearMicros CPU of the instance that hears of it
 */

/** @typedef {{ instances: number, primaries: number, writesPerSecond: number }} Fleet writes by all of it: loads and invalidations */

/**
 * @param {import('./results.mjs').Results} results
 * @returns {FleetCosts | undefined} `undefined` when fewer than two sizes were measured
 */
export function fleetCosts(results) {
  const rows = results.measures.find(({ name }) => name === FLEET.name)?.rows ?? [];
  /** @param {string} number @param {number} [least] smaller fleets are left out */
  const line = (number, least = 0) =>
    lineThrough(
      rows.flatMap((row) => {
        const [, size, rest] = /^(\d+) processes(.*)$/.exec(row.number) ?? [];
        const value = row.values[OURS]?.value;
        return rest === number && value !== undefined && Number(size) >= least
          ? [/** @type {const} */ ([Number(size), value])]
          : [];
      }),
    );
  if (rows.filter(({ number }) => number.endsWith(': connections')).length < 2) return undefined;
  const write = line(', write: CPU of Redis (µs)');
  return {
    connections: line(': connections').perUnit,
    connectionBytes: line(': memory of Redis (bytes)').perUnit,
    idleCommands: line(', idle: commands (1/s)').perUnit,
    idleMicros: line(', idle: CPU of Redis (µs/s)').perUnit,
    ownIdleMicros: line(', idle: CPU of all processes (µs/s)').perUnit,
    writeMicros: write.base,
    announceMicros: write.perUnit,
    announceBytes: line(', write: sent by Redis (bytes)').perUnit,
    // One process alone takes longer for a write than four do for one of theirs: its code has not run as often.
    hearMicros: line(', write: CPU of all processes (µs)', 4).perUnit,
  };
}

/**
 * What a fleet costs that the measured one grew to. Every write is told to every instance, by the primary that has the key.
 * Shares are of one core.
 *
 * @param {FleetCosts} costs
 * @param {Fleet} fleet
 */
export function extended(costs, { instances, primaries, writesPerSecond }) {
  const writesPerPrimary = writesPerSecond / primaries;
  const idleShare = (instances * costs.idleMicros) / 1e6;
  const writeShare = (writesPerPrimary * (costs.writeMicros + costs.announceMicros * instances)) / 1e6;
  return {
    messagesPerSecond: writesPerSecond * instances,
    messagesPerPrimary: writesPerPrimary * instances,
    idleCommandsPerPrimary: instances * costs.idleCommands,
    primaryCpuShare: idleShare + writeShare,
    primarySentBytes: writesPerPrimary * instances * costs.announceBytes,
    primaryConnections: instances * costs.connections,
    primaryMemoryBytes: instances * costs.connectionBytes,
    instanceConnections: primaries * costs.connections,
    instanceCpuShare: (primaries * costs.ownIdleMicros + writesPerSecond * costs.hearMicros) / 1e6,
  };
}
