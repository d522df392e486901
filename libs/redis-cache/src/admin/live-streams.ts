import { type Logger, ServiceUnavailableException } from '@nestjs/common';
import { Observable, type Subscriber } from 'rxjs';
import type { Activity, ActivityItem } from './activity.js';

/** A message of the live stream. */
export interface LiveMessage {
  type: 'overview' | 'activity';
  id?: string;
  data: object;
}

const MAX_STREAMS = 20;
export const NO_ROOM = 'Too many pages are open.';
/** Then a browser comes again, and guards look at it again. */
const STREAM_LIFETIME_MS = 10 * 60_000;

/** The overview as it changes, and what happens, to so many pages at a time. */
export class LiveStreams {
  readonly #ends = new Set<() => void>();
  readonly #ticks = new Set<() => void>();
  #isClosed = false;

  constructor(
    private readonly activity: Activity,
    /** Of this process: an id another one gave means nothing here. */
    private readonly processId: string,
    private readonly overview: () => Promise<object>,
    private readonly logger: Logger,
  ) {}

  get isWatched(): boolean {
    return this.#ticks.size > 0;
  }

  /** Whether one more stream may be open. */
  get hasRoom(): boolean {
    // A browser whose stream ends with the application comes again at once.
    return !this.#isClosed && this.#ends.size < MAX_STREAMS;
  }

  /** Tells all of them the overview of now. */
  tick(): void {
    for (const tick of this.#ticks) tick();
  }

  /**
   * Ends after ten minutes, and with the application.
   *
   * @param lastId of the last message a page has seen of a stream before: it gets what happened since
   */
  open(lastId: unknown, onOpen: () => void): Observable<LiveMessage> {
    return new Observable((subscriber) => {
      // Others may have come since they were asked for.
      if (!this.hasRoom) {
        subscriber.error(new ServiceUnavailableException(NO_ROOM));
        return undefined;
      }
      const tell = (): void => {
        this.#tell(subscriber);
      };
      const end = (): void => {
        subscriber.complete();
      };
      const pass = (item: ActivityItem): void => {
        subscriber.next({ type: 'activity', id: `${this.processId}.${item.id}`, data: item });
      };
      const lifetime = setTimeout(end, STREAM_LIFETIME_MS);
      const stopListening = this.activity.on(pass);
      this.#ends.add(end);
      this.#ticks.add(tell);
      for (const item of this.#missedSince(lastId)) pass(item);
      tell();
      onOpen();
      return () => {
        clearTimeout(lifetime);
        stopListening();
        this.#ends.delete(end);
        this.#ticks.delete(tell);
      };
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const end of this.#ends) end();
  }

  #missedSince(lastId: unknown): ActivityItem[] {
    const [processId, id] = typeof lastId === 'string' ? lastId.split('.') : [];
    return processId === this.processId && id !== undefined ? this.activity.since(Number(id)) : [];
  }

  #tell(subscriber: Subscriber<LiveMessage>): void {
    this.overview().then(
      (data) => {
        subscriber.next({ type: 'overview', data });
      },
      (error: unknown) => {
        this.logger.error(error);
      },
    );
  }
}
