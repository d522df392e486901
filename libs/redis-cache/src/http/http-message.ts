import type { IncomingHttpHeaders, OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';

/** What the response cache reads of a request: the part that Express and Fastify share. */
export interface HttpRequest {
  readonly headers: IncomingHttpHeaders;
  /** They follow the adapter's `trust proxy` setting. */
  readonly protocol?: string;
  readonly hostname?: string;
  /** The same with its port. */
  readonly host?: string;
  readonly params?: object;
  readonly query?: object;
  /** Parameters of a controller bound to a host. */
  readonly hosts?: object;
  /** The matched route: Express has `route`, Fastify has `routeOptions`. */
  readonly route?: { readonly path?: string | RegExp | readonly (string | RegExp)[] };
  readonly routeOptions?: { readonly url?: string };
  /** Path and query as the client spelled them; Express keeps the whole in `originalUrl`. */
  readonly url?: string;
  readonly originalUrl?: string;
}

/** What it reads of a response; it writes through the HTTP adapter only. */
export interface HttpResponse {
  readonly statusCode: number;
  getHeaders(): OutgoingHttpHeaders;
  removeHeader(name: string): unknown;
  /** Of Node; Fastify has `header`. */
  setHeader?(name: string, value: string): unknown;
}

/** The path as the router spells it, `/users/:id`, with the global prefix; `undefined` under an unknown adapter. */
export function matchedPath(request: HttpRequest): string | undefined {
  const path = request.routeOptions?.url ?? request.route?.path;
  return path === undefined ? undefined : String(path);
}

/** Headers that say who asks. */
export const CREDENTIAL_HEADERS: readonly string[] = [
  'authorization',
  'cookie',
  'proxy-authorization',
  'x-access-token',
  'x-api-key',
  'x-auth-token',
];

/** Where guards and middleware put whom they recognised. */
export const PRINCIPAL_PROPERTIES: readonly string[] = ['user', 'principal', 'auth', 'account', 'tenant'];

/** Whether the answer to this request may be meant for one client only. `headers` are lower-case names. */
export function hasCredentials(request: HttpRequest, headers: readonly string[]): boolean {
  for (const name of headers) if (request.headers[name] !== undefined) return true;
  const properties = request as unknown as Readonly<Record<string, unknown>>;
  for (const name of PRINCIPAL_PROPERTIES) if (properties[name] !== undefined && properties[name] !== null) return true;
  return false;
}

/** The items of a header that holds a list, in lower case. */
export function listItems(header: OutgoingHttpHeader | undefined): string[] {
  if (header === undefined) return [];
  return String(header)
    .toLowerCase()
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
