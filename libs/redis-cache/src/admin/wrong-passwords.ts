import { LRUCache } from 'lru-cache';

interface Attempts {
  count: number;
  readonly untilMs: number;
}

/** An address that sent so many within a minute waits for the rest of it. */
export const MAX_WRONG = 10;
const WINDOW_MS = 60_000;
const MAX_ADDRESSES = 10_000;
/** What one customer of a provider has of IPv6, at least: 64 bits. */
const IPV6_GROUPS = 4;

/** Wrong passwords by the address they came from, in the memory of this process. */
export class WrongPasswords {
  readonly #attempts = new LRUCache<string, Attempts>({ max: MAX_ADDRESSES });

  /** How long an address has to wait, in milliseconds; 0 if it need not. */
  waitMs(address: string, nowMs: number): number {
    const attempts = this.#attempts.get(networkOf(address));
    return attempts === undefined || attempts.count < MAX_WRONG ? 0 : Math.max(0, attempts.untilMs - nowMs);
  }

  /** @returns how many there were within the minute */
  note(address: string, nowMs: number): number {
    const network = networkOf(address);
    const known = this.#attempts.get(network);
    const attempts = known !== undefined && nowMs < known.untilMs ? known : { count: 0, untilMs: nowMs + WINDOW_MS };
    attempts.count += 1;
    this.#attempts.set(network, attempts);
    return attempts.count;
  }
}

/** The address itself, or the network of one of IPv6, of which an attacker has as many as he likes. */
function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address.replace(/^::ffff:/i, '');
  const [head = '', tail = ''] = address.split('::');
  const [first, last] = [head.split(':'), tail === '' ? [] : tail.split(':')];
  const zeros = address.includes('::') ? Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0') : [];
  return [...first, ...zeros, ...last].slice(0, IPV6_GROUPS).join(':');
}
