import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

export interface AdminAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Text where it is no JSON. */
  body: any;
}

export interface AdminQuestion {
  /** Sent with POST, as the page would. */
  body?: unknown;
  /** `name:password` */
  as?: string;
  /** Over those the page would send; `undefined` leaves one out. */
  headers?: Record<string, string | undefined>;
}

/** One request, sent by Node: unlike `fetch` it can say what a browser would not let a script say. */
export async function ask(url: string, { body, as, headers = {} }: AdminQuestion = {}): Promise<AdminAnswer> {
  const sent = body === undefined ? undefined : JSON.stringify(body);
  const all = {
    authorization: as === undefined ? undefined : `Basic ${Buffer.from(as).toString('base64')}`,
    ...(sent === undefined ? {} : { 'content-type': 'application/json', 'x-rcache-admin': '1' }),
    ...headers,
  };
  const given = Object.entries(all).filter(([, value]) => value !== undefined) as [string, string][];
  const outgoing = request(url, {
    method: sent === undefined ? 'GET' : 'POST',
    headers: Object.fromEntries(given),
    agent: false,
  });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve).on('error', reject).end(sent);
  });
  const received = await text(response);
  const isJson = String(response.headers['content-type']).includes('json');
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: isJson ? JSON.parse(received) : received,
  };
}

/** Server-sent events as they come, until `stop`. */
export async function listen(
  url: string,
  as: string,
  more: Record<string, string> = {},
): Promise<{
  status: number;
  events: { event: string; id?: string; data: any }[];
  isOver: () => boolean;
  stop: () => void;
}> {
  const headers = { authorization: `Basic ${Buffer.from(as).toString('base64')}`, ...more };
  const outgoing = request(url, { headers, agent: false });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve).on('error', reject).end();
  });
  const events: { event: string; id?: string; data: any }[] = [];
  let isOver = false;
  let rest = '';
  response.on('data', (chunk: Buffer) => {
    const messages = (rest + chunk.toString()).split('\n\n');
    rest = messages.pop() ?? '';
    for (const message of messages) {
      const event = /^event: (.*)$/m.exec(message)?.[1];
      const data = /^data: (.*)$/m.exec(message)?.[1];
      if (event !== undefined && data !== undefined)
        events.push({ event, id: /^id: (.*)$/m.exec(message)?.[1], data: JSON.parse(data) });
    }
  });
  response.on('close', () => {
    isOver = true;
  });
  response.on('error', () => undefined);
  return { status: response.statusCode ?? 0, events, isOver: () => isOver, stop: () => outgoing.destroy() };
}
