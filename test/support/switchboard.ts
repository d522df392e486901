import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type ConnectionKind, kindAfter } from '../lab/connection-kind.mjs';

/** A connection, and where it was led. */
interface Line {
  readonly kind: ConnectionKind;
  readonly port: number;
  readonly client: Socket;
  /** The server has told who it is, which is the last thing a client asks before it uses a connection. */
  isIntroduced: boolean;
  isOpen: boolean;
}

export interface Switchboard {
  readonly url: string;
  /** Where connections of a kind are led from now on. */
  lead(kind: ConnectionKind, port: number): void;
  cut(kind: ConnectionKind): void;
  /** The connections of a kind to a server, those that have ended among them. */
  led(kind: ConnectionKind, port: number): readonly Pick<Line, 'isIntroduced' | 'isOpen'>[];
  stop(): Promise<void>;
}

/** One address with several servers behind it, as sentinels and addresses that move make one: each kind of connection has its own. */
export async function startSwitchboard(port: number): Promise<Switchboard> {
  const ports = new Map<ConnectionKind, number>();
  const lines: Line[] = [];
  const server = createServer((client) => {
    const introduction: Buffer[] = [];
    let kind: ConnectionKind | undefined;
    const introduce = (data: Buffer): void => {
      introduction.push(data);
      kind = kindAfter(kind, data);
      if (kind === undefined) return;
      client.off('data', introduce);
      const line: Line = { kind, port: ports.get(kind) ?? port, client, isIntroduced: false, isOpen: true };
      lines.push(line);
      const upstream = connect(line.port, '127.0.0.1').on('error', () => client.destroy());
      upstream.write(Buffer.concat(introduction));
      upstream.on('data', (reply) => (line.isIntroduced ||= reply.includes('redis_version')));
      client.pipe(upstream).pipe(client);
      client.on('close', () => {
        line.isOpen = false;
        upstream.destroy();
      });
    };
    client.on('data', introduce).on('error', () => client.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lead: (kind, target) => void ports.set(kind, target),
    cut: (kind) => {
      for (const line of lines) if (line.kind === kind) line.client.destroy();
    },
    led: (kind, target) => lines.filter((line) => line.kind === kind && line.port === target),
    stop: async () => {
      server.close();
      for (const { client } of lines) client.destroy();
      await once(server, 'close');
    },
  };
}
