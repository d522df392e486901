import type { IncomingHttpHeaders } from 'node:http';

/** What is read of a request: the part that Express and Fastify share. */
export interface AdminRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly url: string;
  /** Express cuts what it has matched off `url`. */
  readonly originalUrl?: string;
  /** What guards of the application may have put there. */
  readonly user?: unknown;
  /** The address of the client, as far as the application trusts proxies to tell it. */
  readonly ip?: string;
  readonly socket: { readonly remoteAddress?: string };
}

/** What is written of a response. */
export interface AdminResponse {
  header(name: string, value: string): unknown;
}

export function addressOf({ ip, socket }: AdminRequest): string {
  return ip ?? socket.remoteAddress ?? '';
}

/** The path as the client spelled it, without its query. */
export function pathOf({ originalUrl, url }: AdminRequest): string {
  return (originalUrl ?? url).split('?')[0] ?? '';
}
