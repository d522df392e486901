import type { DefinedCache } from '../cache/definition.js';
import type { Warmer, WarmerEntry, WarmerSource } from './warmer.js';

/** How far a run has come, in entries. */
export interface WarmProgress {
  loaded: number;
  /** Fresh already: what an earlier run has done is not done again. */
  present: number;
  failed: number;
  /** All there are; missing where they are not a list. */
  total?: number;
}

/** Loads the entries of a warmer, a few at a time, until they are all there or it is told to stop. */
export async function warmEntries<Args extends readonly unknown[], T>(
  cache: DefinedCache<Args, T>,
  { concurrency }: Warmer<Args, T>,
  source: WarmerSource<Args, T>,
  signal: AbortSignal,
  onProgress: (progress: Readonly<WarmProgress>) => void,
): Promise<WarmProgress> {
  const progress: WarmProgress = { loaded: 0, present: 0, failed: 0 };
  const found = await source.entries();
  if (Array.isArray(found)) onProgress(Object.assign(progress, { total: found.length }));
  const entries = iteratorOf(found);
  const warm = async (args: Args): Promise<'loaded' | 'present' | 'failed'> => {
    try {
      const { source: from, isStale } = await cache
        .for(...args)
        .resolve(() => source.load(...args), { refresh: 'wait' });
      return from === 'loader' ? 'loaded' : isStale ? 'failed' : 'present';
    } catch {
      return 'failed';
    }
  };
  const worker = async (): Promise<void> => {
    while (!signal.aborted) {
      const next = await entries.next();
      if (next.done === true) return;
      progress[await warm(argumentsOf(next.value))] += 1;
      onProgress(progress);
    }
  };
  try {
    await Promise.all(Array.from({ length: concurrency }, worker));
  } finally {
    await entries.return?.();
  }
  return progress;
}

function argumentsOf<Args extends readonly unknown[]>(entry: WarmerEntry<Args>): Args {
  return (Array.isArray(entry) ? entry : [entry]) as unknown as Args;
}

function iteratorOf<T>(entries: Iterable<T> | AsyncIterable<T>): AsyncIterator<T> | Iterator<T> {
  return Symbol.asyncIterator in entries ? entries[Symbol.asyncIterator]() : entries[Symbol.iterator]();
}
