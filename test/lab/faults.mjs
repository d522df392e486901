// @ts-check
import { CLIENT_KINDS } from './connection-kind.mjs';

/** @typedef {import('./connection-kind.mjs').ConnectionKind} ConnectionKind */

/**
 * What can go wrong between a client and Redis.
 *
 * - `latency`: replies arrive `ms` later; `onReply` is told of each packet of replies when Redis gives it.
 * - `black-hole`: nothing passes; new connections are accepted and stay silent.
 * - `half-open`: the connections there are fall silent for ever; new ones work.
 * - `refuse`: nobody listens; connections are cut. For some kinds only: cut as soon as they say what they are.
 * - `throttle`: this many bytes per second pass in either direction of each connection.
 * - `accept-then-close`: new connections are accepted and closed, as by a load balancer without a server behind it.
 * - `cut-mid-reply`: half of the next reply passes, then the connection is cut; for the next `times` replies, default 1.
 * - `corrupt-byte`: the next reply begins with a byte that is no RESP type; for the next `times` replies, default 1.
 * - `drop-replies`: requests reach Redis, replies do not come back.
 *
 * @typedef {{ type: 'latency', ms: number, onReply?: () => void }
 *   | { type: 'black-hole' | 'half-open' | 'refuse' | 'accept-then-close' | 'drop-replies' }
 *   | { type: 'throttle', bytesPerSecond: number }
 *   | { type: 'cut-mid-reply' | 'corrupt-byte', times?: number }} Fault
 */

/** The faults in force, by kind of connection. The last one of a type wins. */
export class Faults {
  /** @type {Map<ConnectionKind, Map<Fault['type'], Fault>>} */
  #byKind = new Map();
  /** @type {Map<Fault, number>} */
  #hits = new Map();

  /** @param {Fault} fault @param {readonly ConnectionKind[]} kinds */
  add(fault, kinds) {
    for (const kind of kinds) {
      const faults = this.#byKind.get(kind) ?? new Map();
      this.#byKind.set(kind, faults.set(fault.type, fault));
    }
  }

  clear() {
    this.#byKind.clear();
    this.#hits.clear();
  }

  /**
   * The fault of a type that a connection meets. One that has not said what it is meets only what every client meets.
   *
   * @template {Fault['type']} T
   * @param {ConnectionKind | undefined} kind
   * @param {T} type
   * @returns {Extract<Fault, { type: T }> | undefined}
   */
  find(kind, type) {
    if (this.#byKind.size === 0) return undefined;
    const of = (/** @type {ConnectionKind} */ one) => this.#byKind.get(one)?.get(type);
    const fault = kind !== undefined ? of(kind) : CLIENT_KINDS.every(of) ? of('other') : undefined;
    return /** @type {Extract<Fault, { type: T }> | undefined} */ (fault);
  }

  /**
   * Like `find`, for a fault that hits a number of replies: counts this one as hit.
   * @param {ConnectionKind | undefined} kind
   * @param {'cut-mid-reply' | 'corrupt-byte'} type
   */
  hits(kind, type) {
    const fault = this.find(kind, type);
    if (!fault) return false;
    const hits = (this.#hits.get(fault) ?? 0) + 1;
    this.#hits.set(fault, hits);
    return hits <= (fault.times ?? 1);
  }
}
