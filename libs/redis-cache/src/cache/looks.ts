import type { MissReason } from '../events.js';
import type { CacheCore } from './backend.js';
import type { Found } from './entry-judge.js';
import type { ReadListener } from './entry-reader.js';
import type { FoundEntry } from './read-road.js';

export interface LookCounter {
  /** Counts what a look came to. */
  looked(key: string, found: FoundEntry | MissReason, startedAtMs: number, atMs: number): void;
}

/** Looks at keys that one call asks for. */
export class Looks {
  readonly startedAtMs: number;

  constructor(
    readonly count: LookCounter,
    readonly core: CacheCore,
    readonly depart: (found: FoundEntry | MissReason, index: number) => void,
    readonly failed: (error: unknown) => void,
  ) {
    this.startedAtMs = core.backend.clock.nowMs();
  }
}

export class Look implements ReadListener {
  constructor(
    private readonly looks: Looks,
    private readonly key: string,
    private readonly index: number,
  ) {}

  found(found: Found, _isCurrent: boolean, atMs?: number): void {
    if (found.state === 'unavailable') this.ended('unavailable', atMs);
    else if (found.state === 'none') this.ended(found.reason, atMs);
    else {
      this.ended({ entry: found.entry, source: this.looks.core.storeTier, isStale: found.state === 'stale' }, atMs);
    }
  }

  ended(found: FoundEntry | MissReason, atMs?: number): void {
    const { count, core, startedAtMs } = this.looks;
    try {
      count.looked(this.key, found, startedAtMs, atMs ?? core.backend.clock.nowMs());
      this.looks.depart(found, this.index);
    } catch (error) {
      this.failed(error);
    }
  }

  failed(error: unknown): void {
    this.looks.failed(error);
  }
}
