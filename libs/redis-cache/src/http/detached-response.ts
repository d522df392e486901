import { once } from 'node:events';
import { ServerResponse } from 'node:http';
import type { HttpResponse } from './http-message.js';

/** What a handler calls on a response of Node or Express; the methods of Express call these. */
const METHODS = [
  'appendHeader',
  'end',
  'flushHeaders',
  'getHeader',
  'getHeaderNames',
  'getHeaders',
  'hasHeader',
  'removeHeader',
  'setHeader',
  'setHeaders',
  'write',
  'writeHead',
] as const;

/**
 * Waits until the response has been sent, then lets what is done to it go nowhere: a handler that runs again, to refresh
 * what the client got stale, finds a response without headers that it can fill, and that is read like any other.
 */
export async function detach(response: HttpResponse): Promise<void> {
  const { raw } = response as { raw?: ServerResponse };
  const sent = raw ?? (response as unknown as ServerResponse);
  if (!sent.writableFinished && !sent.destroyed) await once(sent, 'close').catch(ignore);
  const blank = new ServerResponse(sent.req);
  if (raw !== undefined) {
    // A reply of Fastify keeps headers of its own before those of `raw`.
    for (const name of Object.keys(response.getHeaders())) response.removeHeader(name);
    Object.assign(response, { raw: blank });
    return;
  }
  for (const name of METHODS) {
    const value = (...args: unknown[]): unknown =>
      Reflect.apply(Reflect.get(blank, name) as () => unknown, blank, args);
    Object.defineProperty(sent, name, { value, configurable: true, writable: true });
  }
  for (const name of ['statusCode', 'statusMessage', 'headersSent', 'writableEnded'] as const) {
    const get = (): unknown => blank[name];
    const set = (value: unknown): void => {
      Object.assign(blank, { [name]: value });
    };
    Object.defineProperty(sent, name, { get, set, configurable: true });
  }
}

function ignore(): void {}
