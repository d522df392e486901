import { parse } from '@tusbar/cache-control';
import type { Lookup } from '../cache/answers.js';
import type { HttpRequest } from './http-message.js';
import type { StoredResponse } from './stored-response.js';

/** What a request asks of caches (RFC 9111, 5.2.1). */
export interface RequestDirectives {
  readonly isUnstored: boolean;
  readonly isOnlyIfCached: boolean;
  /** Whether what is stored is to be answered, or the handler asked first; `usual` leaves it to the response. */
  judge(response: StoredResponse, found: Lookup<unknown> & { isHit: true }): 'use' | 'revalidate' | 'usual';
}

/** `undefined` for a request that asks nothing. */
export function directivesOf({ headers }: HttpRequest): RequestDirectives | undefined {
  const text = headers['cache-control'];
  if (text === undefined) return undefined;
  const { noCache, noStore, onlyIfCached, maxAge, minFresh, maxStale, maxStaleDuration } = parse(text);
  const asksOfAge = noCache === true || maxStale === true || maxAge !== null || minFresh !== null;
  if (!asksOfAge && maxStaleDuration === null && noStore !== true && onlyIfCached !== true) return undefined;
  const maxStaleMs = ms(maxStaleDuration) ?? (maxStale === true ? Infinity : 0);
  return {
    isUnstored: noStore === true,
    isOnlyIfCached: onlyIfCached === true,
    judge: (response, { isStale, ageMs, remainingMs }) => {
      if (noCache === true || ageMs + response.ageMs > (ms(maxAge) ?? Infinity)) return 'revalidate';
      if (!isStale && response.freshMs !== 0) return remainingMs >= (ms(minFresh) ?? 0) ? 'use' : 'revalidate';
      const staleMs = ageMs - (response.freshMs ?? 0);
      return !response.mustRevalidate && staleMs <= maxStaleMs ? 'use' : 'usual';
    },
  };
}

function ms(seconds: number | null | undefined): number | undefined {
  return typeof seconds === 'number' ? seconds * 1000 : undefined;
}
