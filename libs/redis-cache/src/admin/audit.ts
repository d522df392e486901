import type { Logger } from '@nestjs/common';
import type { AdminAction, EventChannel } from '../events.js';

/** Who did what to what, and what came of it: as an event, and as a line of the log. */
export class Audit {
  constructor(
    private readonly events: EventChannel,
    private readonly logger: Logger,
  ) {}

  note(user: string, action: AdminAction, target: string, outcome: string): void {
    this.events.emit('admin', { user, action, target, outcome });
    // As JSON, so that no name makes a line of its own.
    this.logger.log(`Admin ${JSON.stringify(user)} ${action} ${JSON.stringify(target)}: ${outcome}`);
  }

  /** Notes how `act` ends, one way or the other. */
  async noted<T>(
    user: string,
    action: AdminAction,
    target: string,
    act: () => T | Promise<T>,
    outcomeOf: (result: T) => string,
  ): Promise<T> {
    try {
      const result = await act();
      this.note(user, action, target, outcomeOf(result));
      return result;
    } catch (error) {
      this.note(user, action, target, error instanceof Error ? error.name : 'failed');
      throw error;
    }
  }
}
