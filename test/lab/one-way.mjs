// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';

// Beyond this the sender is made to wait, as a slow network would.
const MAX_QUEUED_BYTES = 256 * 1_024;
const SLICES_PER_SECOND = 50;

/** One direction of a connection: passes bytes on in order, at once or later, and holds the sender back when it must. */
export class OneWay {
  #queuedBytes = 0;
  /** @type {Promise<void>} */
  #last = Promise.resolve();

  /**
   * @param {import('node:stream').Duplex} from
   * @param {import('node:stream').Duplex} to
   */
  constructor(from, to) {
    this.from = from;
    this.to = to;
    to.on('drain', () => from.resume());
  }

  /**
   * @param {Buffer} data
   * @param {{ delayMs?: number, bytesPerSecond?: number, isWanted?: () => boolean }} [how] `isWanted` is asked when its
   *   time has come
   * @returns {void}
   */
  pass(data, { delayMs = 0, bytesPerSecond, isWanted = () => true } = {}) {
    if (this.#queuedBytes === 0 && delayMs === 0 && bytesPerSecond === undefined) return this.#write(data);
    this.#queuedBytes += data.length;
    if (this.#queuedBytes > MAX_QUEUED_BYTES) this.from.pause();
    const dueAtMs = performance.now() + delayMs;
    this.#last = this.#last.then(async () => {
      const waitMs = dueAtMs - performance.now();
      if (waitMs > 0) await sleep(waitMs);
      const sliceBytes = bytesPerSecond === undefined ? data.length : Math.ceil(bytesPerSecond / SLICES_PER_SECOND);
      for (let start = 0; start < data.length && !this.to.destroyed && isWanted(); start += sliceBytes) {
        const slice = data.subarray(start, start + sliceBytes);
        if (bytesPerSecond !== undefined) await sleep((slice.length / bytesPerSecond) * 1_000);
        this.#write(slice);
      }
      this.#queuedBytes -= data.length;
      if (this.#queuedBytes <= MAX_QUEUED_BYTES) this.from.resume();
    });
  }

  /** @param {Buffer} data */
  #write(data) {
    if (!this.to.destroyed && !this.to.write(data)) this.from.pause();
  }
}
