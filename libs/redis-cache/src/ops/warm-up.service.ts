import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { ConnectionStatus } from '../cache/backend-host.js';
import { defineCache, type DefinedCache } from '../cache/definition.js';
import { CacheEngine } from '../cache/engine.js';
import type { WarmUpState } from '../events.js';
import { InvalidArgumentError } from '../errors.js';
import { systemClock } from '../time.js';
import { CACHE_ENGINE } from '../tokens.js';
import { warmEntries, type WarmProgress } from './warm-run.js';
import type { Warmer, WarmerSource } from './warmer.js';

/** What a run came to. `elsewhere`: another process has done it, or did it of late. `unavailable`: there is no Redis. */
export interface WarmUpResult extends WarmProgress {
  warmer: string;
  outcome: 'done' | 'cancelled' | 'failed' | 'elsewhere' | 'unavailable';
}

/** A run under way. */
export interface WarmUpRun {
  readonly warmer: string;
  readonly progress: Readonly<WarmProgress>;
  /** Never rejects. */
  readonly result: Promise<WarmUpResult>;
  /** Begins no more loads; what is loaded stays, and the next run goes on from there. */
  cancel(): void;
}

interface Known {
  readonly warmer: Warmer<readonly unknown[], unknown>;
  readonly source: WarmerSource<readonly unknown[], unknown>;
}

/** Runs of the fleet, one at a time for each warmer: the lease of the entry is the right to run it. */
const WARM_UPS = defineCache({ name: 'warm-ups', key: (warmer: string) => warmer, hardTimeout: '1d', l1: false });
/** Progress is told no more often. */
const PROGRESS_MS = 1000;
/** Longest wait for the link at a run's begin, and how often it is looked at. */
const TRUST_WAIT_MS = 5000;
const TRUST_LOOK_MS = 50;
const NONE: Readonly<WarmProgress> = { loaded: 0, present: 0, failed: 0 };

/**
 * Fills caches before anybody asks. A run is done by one process of the fleet; runs of others wait for it, and one of them takes
 * over within seconds when that process dies or is told to stop. What is fresh is not loaded again, so that a run that was
 * interrupted is resumed by the next.
 */
@Injectable()
export class WarmUpService implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #known = new Map<string, Known>();
  readonly #runs = new Map<string, WarmUpRun>();
  readonly #logger = new Logger('RedisCacheModule');

  constructor(@Inject(CACHE_ENGINE) private readonly engine: CacheEngine) {}

  /**
   * Says how a warmer finds and loads its entries. To be called before the application has started, from a constructor or
   * from `onModuleInit`, where the warmer is to run at start.
   *
   * @throws InvalidArgumentError when there is one of that name already
   */
  use<Args extends readonly unknown[], T>(warmer: Warmer<Args, T>, source: WarmerSource<Args, T>): void {
    if (this.#known.has(warmer.name)) {
      throw new InvalidArgumentError(`There is a warmer "${warmer.name}" already. Give one of them another name.`);
    }
    this.#known.set(warmer.name, { warmer, source } as unknown as Known);
  }

  /** The names of all warmers. */
  names(): string[] {
    return [...this.#known.keys()];
  }

  /** Runs of this process under way. */
  runs(): WarmUpRun[] {
    return [...this.#runs.values()];
  }

  /**
   * Begins a run, or joins the one of this process.
   *
   * @throws InvalidArgumentError for a name no warmer has
   */
  run(warmer: string | { readonly name: string }): WarmUpRun {
    const name = typeof warmer === 'string' ? warmer : warmer.name;
    const running = this.#runs.get(name);
    if (running !== undefined) return running;
    const known = this.#known.get(name);
    if (known === undefined) {
      throw new InvalidArgumentError(`There is no warmer "${name}". There are: ${this.names().join(', ') || 'none'}.`);
    }
    const run = this.#begin(known);
    this.#runs.set(name, run);
    void run.result.then(() => this.#runs.delete(name));
    return run;
  }

  async onApplicationBootstrap(): Promise<void> {
    const waiting = [...this.#known.values()].flatMap(({ warmer }) => {
      if (warmer.atStart === false) return [];
      const { result } = this.run(warmer);
      return warmer.atStart === 'wait' ? [result] : [];
    });
    await Promise.all(waiting);
  }

  /** Loaders that run are not waited for, as those of any other call are not. */
  onModuleDestroy(): void {
    for (const run of this.#runs.values()) run.cancel();
  }

  #begin({ warmer, source }: Known): WarmUpRun {
    const abort = new AbortController();
    const progress: WarmProgress = { ...NONE };
    const result = this.#run(warmer, source, progress, abort).then((outcome) => {
      const ended: WarmUpResult = { warmer: warmer.name, outcome, ...progress };
      return ended;
    });
    return {
      warmer: warmer.name,
      progress,
      result,
      cancel: () => {
        abort.abort();
      },
    };
  }

  async #run(
    warmer: Known['warmer'],
    source: Known['source'],
    progress: WarmProgress,
    abort: AbortController,
  ): Promise<WarmUpResult['outcome']> {
    const { name, everyMs } = warmer;
    if (!this.#isAvailable(warmer)) return this.#ended(name, 'unavailable', progress, 0);
    let outcome: WarmUpResult['outcome'] = 'elsewhere';
    const startedAtMs = systemClock.nowMs();
    try {
      await this.engine
        .cache(WARM_UPS)
        .for(name)
        .getOrSet(
          async (context) => {
            this.#tell(name, 'started', progress, 0);
            outcome = await this.#warm(warmer, source, progress, abort);
            if (outcome !== 'done') context.skip();
            return outcome;
          },
          { ttl: everyMs },
        );
    } catch (error) {
      this.#logger.warn(`Warm-up "${name}" failed: ${error instanceof Error ? error.name : typeof error}.`);
      outcome = 'failed';
    }
    return this.#ended(name, outcome, progress, systemClock.nowMs() - startedAtMs);
  }

  async #warm(
    warmer: Known['warmer'],
    source: Known['source'],
    progress: WarmProgress,
    abort: AbortController,
  ): Promise<'done' | 'cancelled' | 'unavailable'> {
    const cache: DefinedCache<readonly unknown[], unknown> = this.engine.cache(warmer.cache);
    const startedAtMs = systemClock.nowMs();
    let toldAtMs = startedAtMs;
    await this.#untilStorable(warmer, abort.signal);
    await warmEntries(cache, warmer, source, abort.signal, (now) => {
      Object.assign(progress, now);
      if (!this.#isAvailable(warmer)) abort.abort();
      const nowMs = systemClock.nowMs();
      if (nowMs - toldAtMs < PROGRESS_MS) return;
      toldAtMs = nowMs;
      this.#tell(warmer.name, 'progress', progress, nowMs - startedAtMs);
    });
    if (!this.#isAvailable(warmer)) return 'unavailable';
    return abort.signal.aborted ? 'cancelled' : 'done';
  }

  /** Warming what cannot be stored would only trouble the source. */
  #isAvailable(warmer: Known['warmer']): boolean {
    return this.engine.isEnabled && this.#statusOf(warmer)?.isUp !== false;
  }

  /** Tags that only a value tells count while announcements are heard, which begins a moment after the start. */
  async #untilStorable(warmer: Known['warmer'], signal: AbortSignal): Promise<void> {
    if (warmer.cache.tagsOf === undefined) return;
    const endAtMs = systemClock.nowMs() + TRUST_WAIT_MS;
    const isWaiting = (): boolean => this.#statusOf(warmer)?.link !== 'trusted' && systemClock.nowMs() < endAtMs;
    while (this.#statusOf(warmer) !== undefined && isWaiting() && !signal.aborted) {
      await systemClock.sleep(TRUST_LOOK_MS, signal);
    }
  }

  /** `undefined` where the memory of this process is the store. */
  #statusOf({ cache: { connection = 'default' } }: Known['warmer']): ConnectionStatus | undefined {
    return this.engine.connectionStates().find(({ name }) => name === connection);
  }

  #ended<Outcome extends WarmUpResult['outcome']>(
    name: string,
    outcome: Outcome,
    progress: WarmProgress,
    durationMs: number,
  ): Outcome {
    this.#tell(name, outcome, progress, durationMs);
    return outcome;
  }

  #tell(warmer: string, state: WarmUpState, progress: WarmProgress, durationMs: number): void {
    this.engine.events.emit('warm-up', { warmer, state, ...progress, durationMs });
  }
}
