import type { Logger } from '@nestjs/common';

/** How often processes tell each other about themselves, and how often when somebody looks. */
const EXCHANGE_MS = 5_000;
const WATCHED_EXCHANGE_MS = 2_000;

/** Exchanges with the other processes again and again, one exchange at a time. */
export class ExchangeLoop {
  #turn: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(
    private readonly exchange: () => Promise<void>,
    private readonly isWatched: () => boolean,
    private readonly logger: Logger,
  ) {}

  /** Now, after those under way: the history takes each report for newer than the one before. */
  refresh(): Promise<void> {
    const turn = this.#turn.then(() => this.exchange());
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** From now on, or sooner than it would have been because somebody looks now. */
  schedule(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    const again = (): void => {
      this.refresh()
        .catch((error: unknown) => {
          this.logger.error(error);
        })
        .finally(() => {
          this.schedule();
        });
    };
    this.#timer = setTimeout(again, this.isWatched() ? WATCHED_EXCHANGE_MS : EXCHANGE_MS);
    this.#timer.unref();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }
}
