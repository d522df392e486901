import { RedisUnavailableError } from '../errors.js';

/** Operations beyond these wait for a place: the deadline of one that is sent is not spent behind thousands of others. */
const MAX_IN_FLIGHT = 128;
/** More waiting operations than this mean Redis is not keeping up: further ones are refused at once. */
const MAX_WAITING = 10_000;

/** Places for operations that are sent and not answered yet, handed on in the order of arrival. */
export class InFlight {
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  get sent(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes a place if one is free. */
  enter(): boolean {
    if (this.#taken >= MAX_IN_FLIGHT) return false;
    this.#taken += 1;
    return true;
  }

  /** Resolves when a place is handed on to this operation. @throws RedisUnavailableError when too many wait already. */
  place(command: string): Promise<void> {
    if (this.#waiting.length >= MAX_WAITING) {
      throw new RedisUnavailableError(`Redis does not keep up: ${command} was not sent behind ${MAX_WAITING} others.`);
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken -= 1;
    else next();
  }

  /** Lets everybody go on, to learn that there is nobody to ask any more. */
  close(): void {
    this.#taken += this.#waiting.length;
    for (const next of this.#waiting.splice(0)) next();
  }
}
