// @ts-check
import { createServer } from 'node:tls';

/** @typedef {import('node:net').Socket} Socket */

/**
 * Speaks TLS with those who connect and can prove themselves, so that a proxy sees what they send.
 *
 * @param {import('./certificates.mjs').Certificate} certificate of the front; its authority must have signed the client's
 * @param {(secure: import('node:tls').TLSSocket, raw: Socket) => void} onSecure told when both ends are proven
 */
export function tlsFront(certificate, onSecure) {
  /** @type {Map<number | undefined, Socket>} */
  const greeting = new Map();
  const server = createServer({ ...certificate, requestCert: true, rejectUnauthorized: true });
  server.on('secureConnection', (secure) => {
    const raw = greeting.get(secure.remotePort);
    greeting.delete(secure.remotePort);
    if (raw) onSecure(secure, raw);
  });
  return {
    /** @param {Socket} raw */
    accept: (raw) => {
      const { remotePort } = raw;
      greeting.set(remotePort, raw);
      raw.on('close', () => greeting.delete(remotePort));
      server.emit('connection', raw);
    },
    /** Ends what has not proven itself yet. */
    cut: () => {
      for (const raw of greeting.values()) raw.destroy();
    },
  };
}
