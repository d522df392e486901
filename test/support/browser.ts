import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { INestApplication } from '@nestjs/common';

export interface BrowserResponse {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: any;
}

/** Keeps cookies as a browser does, except that it takes our loopback address for HTTPS. */
export class Browser {
  cookies = new Map<string, string>();

  constructor(readonly app: INestApplication) {}

  get(path: string, headers: Record<string, string> = {}): Promise<BrowserResponse> {
    return this.send('GET', path, undefined, headers);
  }

  post(path: string, body: unknown = {}, headers: Record<string, string> = {}): Promise<BrowserResponse> {
    return this.send('POST', path, body, headers);
  }

  /** A browser with the same cookies that talks to another instance. */
  at(app: INestApplication): Browser {
    const other = new Browser(app);
    other.cookies = this.cookies;
    return other;
  }

  async send(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<BrowserResponse> {
    const { port } = (this.app.getHttpServer() as { address(): AddressInfo }).address();
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const response = await new Promise<BrowserResponse>((resolve, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port,
          method,
          path,
          headers: {
            'user-agent': 'Test browser',
            ...(cookie === '' ? {} : { cookie }),
            ...(sent === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) }),
            ...headers,
          },
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', reject);
          incoming.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            const isJson = String(incoming.headers['content-type']).includes('json');
            resolve({
              status: incoming.statusCode ?? 0,
              headers: incoming.headers,
              body: isJson ? JSON.parse(text) : text,
            });
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(sent);
    });
    for (const header of setCookies(response)) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(header) ?? [];
      if (value === '') this.cookies.delete(name!);
      else this.cookies.set(name!, value!);
    }
    return response;
  }
}

export function setCookies({ headers }: BrowserResponse): string[] {
  return [headers['set-cookie'] ?? []].flat();
}
