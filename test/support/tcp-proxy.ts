import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type ConnectionKind = 'link' | 'other';

export interface TcpProxy {
  /** `redis://127.0.0.1:<port>` */
  readonly url: string;
  /** Nothing passes in either direction any more; sockets stay open and new ones are accepted. */
  silence(kind?: ConnectionKind): void;
  /** Replies reach the client this much later; `onReply` is told of each when Redis gives it. */
  delay(ms: number, kind?: ConnectionKind, onReply?: () => void): void;
  /** Ends `silence` for new connections, and `delay`. What fell silent stays so, half-open, until it is given up. */
  heal(): void;
  /** Cuts every connection. */
  reset(): void;
  stop(): Promise<void>;
}

interface Pair {
  kind: ConnectionKind;
  client: Socket;
  server: Socket;
  isSilenced: boolean;
}

/** A TCP proxy in front of a Redis, to cut, silence or slow what passes. Knows the coherence link by its `TRACKING`. */
export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  const silent = new Set<ConnectionKind>();
  const delayMs = new Map<ConnectionKind, number>();
  const onReplies = new Map<ConnectionKind, (() => void) | undefined>();

  const server = createServer((client) => {
    const pair: Pair = { kind: 'other', client, server: connect(targetPort, '127.0.0.1'), isSilenced: false };
    pairs.add(pair);
    const isSilent = (): boolean => pair.isSilenced || silent.has(pair.kind);
    const drop = (): void => {
      pairs.delete(pair);
      client.destroy();
      pair.server.destroy();
    };
    client.on('data', (data) => {
      if (data.includes('TRACKING')) pair.kind = 'link';
      if (isSilent()) pair.isSilenced = true;
      else pair.server.write(data);
    });
    pair.server.on('data', (data) => {
      if (isSilent()) pair.isSilenced = true;
      else void pass(data);
    });
    const pass = async (data: Buffer): Promise<void> => {
      const ms = delayMs.get(pair.kind) ?? 0;
      onReplies.get(pair.kind)?.();
      if (ms > 0) await sleep(ms);
      if (!client.destroyed) client.write(data);
    };
    for (const socket of [client, pair.server]) {
      socket.on('close', drop);
      socket.on('error', drop);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const reset = (): void => {
    for (const { client, server: upstream } of pairs) {
      client.destroy();
      upstream.destroy();
    }
  };
  const kinds = (kind?: ConnectionKind): ConnectionKind[] => (kind === undefined ? ['link', 'other'] : [kind]);
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    silence: (kind) => {
      for (const one of kinds(kind)) silent.add(one);
    },
    delay: (ms, kind, onReply) => {
      for (const one of kinds(kind)) {
        delayMs.set(one, ms);
        onReplies.set(one, onReply);
      }
    },
    heal: () => {
      silent.clear();
      delayMs.clear();
      onReplies.clear();
    },
    reset,
    stop: async () => {
      reset();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
