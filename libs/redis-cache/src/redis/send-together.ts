import type { Redis } from 'ioredis';
import type { Duplex } from 'node:stream';

const waiting = new WeakSet<Duplex>();

/**
 * Holds back what a client sends until the end of this turn of the event loop, and sends it at once: a system call for each
 * command costs more than the command.
 */
export function sendTogether(client: Redis): void {
  const { stream } = client as unknown as { stream?: Duplex };
  if (stream === undefined || waiting.has(stream)) return;
  waiting.add(stream);
  stream.cork();
  process.nextTick(() => {
    waiting.delete(stream);
    stream.uncork();
  });
}

/** Sends what was held back so far: enough for the server to begin with. */
export function sendNow(client: Redis): void {
  const { stream } = client as unknown as { stream?: Duplex };
  if (stream === undefined || !waiting.has(stream)) return;
  stream.uncork();
  stream.cork();
}
