import { connect } from 'node:net';

/**
 * What is found at an address. `plain`: a Redis without TLS. `tls`: somebody who wants TLS. `silent`: a port that is open and
 * answers nothing. `other`: somebody who is no Redis.
 */
export type Found = 'plain' | 'tls' | 'silent' | 'other' | 'refused' | 'unknown-host' | 'unreachable';

const TLS_ALERT = 0x15;
const REPLY = /^[+-][A-Z]/;

/** Looks who is at an address, without credentials and without changing anything. Never rejects. */
export function reach(host: string, port: number, deadlineMs: number): Promise<Found> {
  return new Promise((resolve) => {
    let isConnected = false;
    const socket = connect({ host, port });
    const found = (what: Found): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(what);
    };
    const timer = setTimeout(() => {
      found(isConnected ? 'silent' : 'unreachable');
    }, deadlineMs);
    socket.on('connect', () => {
      isConnected = true;
      socket.write('PING\r\n');
    });
    socket.on('data', (data) => {
      found(data[0] === TLS_ALERT ? 'tls' : REPLY.test(data.toString('latin1')) ? 'plain' : 'other');
    });
    // A server that wants TLS may also just hang up on what is none.
    socket.on('end', () => {
      found('tls');
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (isConnected) found('tls');
      else if (code === 'ECONNREFUSED') found('refused');
      else found(code === 'ENOTFOUND' || code === 'EAI_AGAIN' ? 'unknown-host' : 'unreachable');
    });
  });
}
