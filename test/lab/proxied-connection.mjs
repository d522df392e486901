// @ts-check
import { kindAfter } from './connection-kind.mjs';
import { OneWay } from './one-way.mjs';

/** @typedef {import('node:stream').Duplex} Duplex */

const RESP_TYPES = '+-:$*_,#(!=%~>|';

/** A connection of a client and the one opened to Redis for it. */
export class ProxiedConnection {
  /** @type {import('./connection-kind.mjs').ConnectionKind | undefined} */
  kind;
  /** Nothing passes any more: what was lost would garble the rest. */
  #isSilent = false;
  /** The same for replies only. */
  #isDeaf = false;
  #isBetweenReplies = true;

  /**
   * @param {object} ends
   * @param {Duplex} ends.client
   * @param {Duplex} ends.server
   * @param {() => void} ends.cut ends the client's socket with RST
   * @param {import('./faults.mjs').Faults} faults
   * @param {() => void} onClose
   */
  constructor({ client, server, cut }, faults, onClose) {
    this.faults = faults;
    this.client = client;
    this.server = server;
    this.cutClient = cut;
    this.requests = new OneWay(client, server);
    this.replies = new OneWay(server, client);
    client.on('data', (data) => this.#request(data));
    server.on('data', (data) => this.#reply(data));
    client.on('error', () => this.cut());
    server.on('error', () => this.#serverEnded());
    server.on('close', () => this.#serverEnded());
    client.on('close', () => {
      server.destroy();
      onClose();
    });
  }

  /** Falls silent for ever, as when the peer's machine vanished. */
  silence() {
    this.#isSilent = true;
  }

  cut() {
    this.server.destroy();
    this.cutClient();
  }

  /** Whether nothing passes, from now on or since earlier. */
  #isSilenced() {
    if (this.faults.find(this.kind, 'black-hole')) this.#isSilent = true;
    return this.#isSilent;
  }

  /** Whether a new connection of its kind is not let in. */
  #isUnwanted() {
    return this.faults.find(this.kind, 'refuse') ?? this.faults.find(this.kind, 'accept-then-close');
  }

  #serverEnded() {
    // Through a black hole nobody learns of it.
    if (!this.#isSilenced()) this.cut();
  }

  /** @param {Buffer} data */
  #request(data) {
    const kindBefore = this.kind;
    this.kind = kindAfter(this.kind, data);
    if (this.#isSilenced()) return;
    if (this.kind !== kindBefore && this.#isUnwanted()) return this.cut();
    this.requests.pass(data, {
      bytesPerSecond: this.faults.find(this.kind, 'throttle')?.bytesPerSecond,
      isWanted: () => !this.#isSilent,
    });
  }

  /** @param {Buffer} data */
  #reply(data) {
    if (this.#isSilenced()) return;
    if (this.faults.find(this.kind, 'drop-replies')) this.#isDeaf = true;
    if (this.#isDeaf) return;
    if (this.faults.hits(this.kind, 'cut-mid-reply')) {
      this.#isSilent = true;
      this.client.write(firstPart(data), () => this.cut());
      return;
    }
    const beginsReply = this.#isBetweenReplies && RESP_TYPES.includes(String.fromCharCode(data[0] ?? 0));
    this.#isBetweenReplies = data.subarray(-2).equals(Buffer.from('\r\n'));
    if (beginsReply && this.faults.hits(this.kind, 'corrupt-byte')) data[0] = '?'.charCodeAt(0);
    const latency = this.faults.find(this.kind, 'latency');
    latency?.onReply?.();
    this.replies.pass(data, {
      delayMs: latency?.ms,
      bytesPerSecond: this.faults.find(this.kind, 'throttle')?.bytesPerSecond,
      isWanted: () => !this.#isSilent && !this.#isDeaf,
    });
  }
}

/**
 * About half, and never whole replies only.
 * @param {Buffer} data
 */
function firstPart(data) {
  const half = data.subarray(0, data.length >> 1);
  return half.at(-1) === '\n'.charCodeAt(0) ? half.subarray(0, -1) : half;
}
