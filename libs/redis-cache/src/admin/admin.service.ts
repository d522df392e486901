import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  ServiceUnavailableException,
} from '@nestjs/common';
import { Observable } from 'rxjs';
import type { Lookup } from '../cache/answers.js';
import { CacheEngine } from '../cache/engine.js';
import type { AdminAction } from '../events.js';
import { type Alert, AlertsService } from '../ops/alerts.service.js';
import { MetricsService } from '../ops/metrics.service.js';
import type { ServerFigures } from '../ops/server-info.js';
import type { WarmProgress } from '../ops/warm-run.js';
import { WarmUpService } from '../ops/warm-up.service.js';
import { ADMIN_OPTIONS, CACHE_ENGINE } from '../tokens.js';
import { Activity, type ActivityItem, type TagActivity } from './activity.js';
import type { ResolvedAdminOptions } from './admin-options.js';
import { Fleet } from './fleet.js';
import { History, type Series, type Span } from './history.js';
import { cacheOf, Invalidations, keyOf, type Preview, type Wanted } from './invalidations.js';
import {
  type CacheOverview,
  cachesOf,
  type InstanceOverview,
  instancesOf,
  loadQuantiles,
  type Quantiles,
  readQuantiles,
  sessionsOf,
} from './overview.js';
import { type TopKey, TopKeys } from './top-keys.js';

export interface Overview {
  atMs: number;
  namespace: string;
  isEnabled: boolean;
  /** Whether the other processes could be asked. */
  isWhole: boolean;
  instances: InstanceOverview[];
  caches: CacheOverview[];
  /** By connection. */
  servers: Record<string, ServerFigures>;
  alerts: Alert[];
  sessions: ReturnType<typeof sessionsOf>;
  warmUps: WarmUpOverview[];
  tags: TagActivity[];
  activity: ActivityItem[];
}

export interface WarmUpOverview {
  warmer: string;
  /** Missing while none of this process runs. */
  progress?: Readonly<WarmProgress>;
}

export interface HistoryOverview extends Omit<Series, 'reads' | 'loads'> {
  read: Quantiles[];
  load: Quantiles[];
}

/** One entry, without its value unless the options allow it. */
export type EntryOverview = Omit<Lookup<unknown>, 'value'> & { value?: unknown };

/** A message of the live stream. */
export interface LiveMessage {
  type: 'overview' | 'activity';
  id?: string;
  data: object;
}

/** How often processes tell each other about themselves, and how often when somebody looks. */
const EXCHANGE_MS = 5_000;
const WATCHED_EXCHANGE_MS = 2_000;
const MAX_STREAMS = 20;
export const NO_ROOM = 'Too many pages are open.';
/** Then a browser comes again, and guards look at it again. */
const STREAM_LIFETIME_MS = 10 * 60_000;
const SHOWN_ACTIVITY = 50;
const SHOWN_TAGS = 20;

/** What the admin page shows and does. It keeps answering without Redis, about this process alone. */
@Injectable()
export class AdminService implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #fleet: Fleet;
  readonly #history = new History();
  readonly #activity: Activity;
  readonly #topKeys: TopKeys | undefined;
  readonly #invalidations: Invalidations;
  readonly #logger = new Logger('RedisCacheModule');
  readonly #ends = new Set<() => void>();
  readonly #ticks = new Set<() => void>();
  #turn: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(
    @Inject(CACHE_ENGINE) private readonly engine: CacheEngine,
    @Inject(MetricsService) private readonly metrics: MetricsService,
    @Inject(AlertsService) private readonly alerts: AlertsService,
    @Inject(WarmUpService) private readonly warmUps: WarmUpService,
    @Inject(ADMIN_OPTIONS) private readonly options: ResolvedAdminOptions,
  ) {
    this.#fleet = new Fleet(engine, metrics.source.counts);
    this.#activity = new Activity(engine.events);
    this.#topKeys = options.topKeys === 0 ? undefined : new TopKeys(engine.events, options.topKeys);
    this.#invalidations = new Invalidations(engine, () => this.#fleet.secret);
  }

  async overview(): Promise<Overview> {
    const { reports } = this.#fleet;
    return {
      atMs: Date.now(),
      namespace: this.engine.namespace,
      isEnabled: this.engine.isEnabled,
      isWhole: this.#fleet.isWhole,
      instances: instancesOf(reports, this.#fleet.id),
      caches: cachesOf(reports, this.#history),
      servers: Object.fromEntries((await this.metrics.source.server?.figures()) ?? []),
      alerts: this.alerts.active(),
      sessions: sessionsOf(reports),
      warmUps: this.warmUpStates(),
      tags: this.#activity.tags(SHOWN_TAGS),
      activity: this.#activity.latest(SHOWN_ACTIVITY),
    };
  }

  /** @throws InvalidArgumentError for a name no cache has */
  cache(name: string): { cache: CacheOverview | undefined; topKeys: TopKey[] | undefined; history: HistoryOverview } {
    cacheOf(this.engine, name);
    return {
      cache: cachesOf(this.#fleet.reports, this.#history).find((each) => each.name === name),
      topKeys: this.#topKeys?.of(name),
      history: this.history('fine', name),
    };
  }

  history(span: Span, cache?: string): HistoryOverview {
    const { reads, loads, ...series } = this.#history.series(span, cache);
    return { ...series, read: reads.map(readQuantiles), load: loads.map(loadQuantiles) };
  }

  /** @throws InvalidArgumentError for a key that cannot be one, MissingContextError where the cache has a context */
  async lookUp(cache: unknown, key: unknown, user: string): Promise<EntryOverview> {
    const found = await cacheOf(this.engine, cache).lookup(keyOf(key));
    this.#audit(user, 'look-up', `${String(cache)} ${String(key)}`, found.isHit ? 'found' : found.reason);
    if (!found.isHit) return found;
    const { value, ...rest } = found;
    return this.options.values ? { ...rest, value } : rest;
  }

  preview(wanted: Wanted, user: string): Promise<Preview> {
    return this.#invalidations.preview(wanted, user);
  }

  /** @throws InvalidArgumentError for a token that does not confirm a preview of this user */
  async invalidate(token: unknown, user: string): Promise<{ status: string }> {
    const wanted = this.#invalidations.confirmed(token, user);
    const target = [wanted.cache, wanted.target].filter((text) => text !== '').join(' ');
    const status = await this.#audited(user, `invalidate-${wanted.kind}`, target, () =>
      this.#invalidations.apply(wanted),
    );
    return { status };
  }

  warmUpStates(): WarmUpOverview[] {
    const running = new Map(this.warmUps.runs().map(({ warmer, progress }) => [warmer, progress]));
    return this.warmUps.names().map((warmer) => ({ warmer, progress: running.get(warmer) }));
  }

  /** @throws InvalidArgumentError for a name no warmer has */
  async warm(warmer: unknown, user: string): Promise<WarmUpOverview> {
    const run = await this.#audited(
      user,
      'warm',
      String(warmer),
      async () => this.warmUps.run(String(warmer)),
      'started',
    );
    return { warmer: run.warmer, progress: run.progress };
  }

  cancelWarmUp(warmer: unknown, user: string): { isCancelled: boolean } {
    const run = this.warmUps.runs().find((each) => each.warmer === warmer);
    run?.cancel();
    this.#audit(user, 'cancel-warm-up', String(warmer), run === undefined ? 'not running' : 'cancelled');
    return { isCancelled: run !== undefined };
  }

  /** Whether one more stream may be open. */
  get hasRoomForStream(): boolean {
    // A browser whose stream ends with the application comes again at once.
    return !this.#isClosed && this.#ends.size < MAX_STREAMS;
  }

  /** The overview now and as it changes, and what happens; ends after ten minutes, and with the application. */
  live(): Observable<LiveMessage> {
    return new Observable((subscriber) => {
      // Others may have come since they were asked for.
      if (!this.hasRoomForStream) {
        subscriber.error(new ServiceUnavailableException(NO_ROOM));
        return undefined;
      }
      const tell = (): void => {
        this.overview().then(
          (data) => {
            subscriber.next({ type: 'overview', data });
          },
          (error: unknown) => {
            this.#logger.error(error);
          },
        );
      };
      const end = (): void => {
        subscriber.complete();
      };
      const lifetime = setTimeout(end, STREAM_LIFETIME_MS);
      const stopListening = this.#activity.on((item) => {
        subscriber.next({ type: 'activity', id: String(item.id), data: item });
      });
      this.#ends.add(end);
      this.#ticks.add(tell);
      tell();
      this.#schedule();
      return () => {
        clearTimeout(lifetime);
        stopListening();
        this.#ends.delete(end);
        this.#ticks.delete(tell);
      };
    });
  }

  /** Exchanges reports with the other processes now; done by itself every few seconds. */
  refresh(): Promise<void> {
    // One after the other, for the history takes each report for newer than the one before.
    const turn = this.#turn.then(() => this.#exchange());
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.options.guards.length === 0) {
      this.#logger.warn(`The admin page at "${this.options.path}" has no guard: it answers this machine alone.`);
    }
    await this.refresh();
    this.#schedule();
  }

  /** Open streams would keep the server from closing. */
  onModuleDestroy(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const end of this.#ends) end();
  }

  async #exchange(): Promise<void> {
    await this.#fleet.exchange();
    this.#history.note(this.#fleet.reports, Date.now());
    for (const tick of this.#ticks) tick();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    const again = (): void => {
      this.refresh()
        .catch((error: unknown) => {
          this.#logger.error(error);
        })
        .finally(() => {
          this.#schedule();
        });
    };
    this.#timer = setTimeout(again, this.#ticks.size > 0 ? WATCHED_EXCHANGE_MS : EXCHANGE_MS);
    this.#timer.unref();
  }

  async #audited<T>(
    user: string,
    action: AdminAction,
    target: string,
    act: () => Promise<T>,
    outcome?: string,
  ): Promise<T> {
    try {
      const result = await act();
      this.#audit(user, action, target, outcome ?? String(result));
      return result;
    } catch (error) {
      this.#audit(user, action, target, error instanceof Error ? error.name : 'failed');
      throw error;
    }
  }

  #audit(user: string, action: AdminAction, target: string, outcome: string): void {
    this.engine.events.emit('admin', { user, action, target, outcome });
    // As JSON, so that no name makes a line of its own.
    this.#logger.log(`Admin ${JSON.stringify(user)} ${action} ${JSON.stringify(target)}: ${outcome}`);
  }
}
