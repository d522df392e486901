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
  readonly socket: { readonly remoteAddress?: string };
}

/** What is written of a response. */
export interface AdminResponse {
  header(name: string, value: string): unknown;
}

/** The path as the client spelled it, without its query. */
export function pathOf({ originalUrl, url }: AdminRequest): string {
  return (originalUrl ?? url).split('?')[0] ?? '';
}
