// @ts-check
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { CLIENT_KINDS } from './connection-kind.mjs';
import { Faults } from './faults.mjs';
import { labPort } from './lab-port.mjs';
import { ProxiedConnection } from './proxied-connection.mjs';
import { tlsFront } from './tls-front.mjs';

/** @typedef {import('./connection-kind.mjs').ConnectionKind} ConnectionKind */
/** @typedef {import('./faults.mjs').Fault} Fault */
/** @typedef {import('node:net').Socket} Socket */

/**
 * A proxy in front of a Redis that does what networks do. Kinds default to those of clients, so that servers go on
 * hearing each other unless told otherwise.
 *
 * @typedef {object} FaultProxy
 * @property {number} port
 * @property {string} url `redis://127.0.0.1:<port>`
 * @property {(fault: Fault, kinds?: readonly ConnectionKind[]) => void} apply adds a fault; one of the same type is replaced
 * @property {() => void} heal ends every fault; a connection that lost something stays half-open until it is given up
 * @property {(kinds?: readonly ConnectionKind[]) => void} reset cuts connections with RST
 * @property {(kind?: ConnectionKind) => number} connections open now
 * @property {() => Promise<void>} stop cuts everything, and waits until the port is free
 */

/**
 * @param {object} options
 * @param {number} options.targetPort of a Redis on the loopback interface
 * @param {number} [options.port] a free one by default
 * @param {import('./certificates.mjs').Certificate} [options.certificate] makes it speak TLS in both directions
 * @returns {Promise<FaultProxy>}
 */
export async function startFaultProxy({ targetPort, port: wantedPort, certificate }) {
  const faults = new Faults();
  /** @type {Set<ProxiedConnection>} */
  const open = new Set();
  const port = wantedPort ?? (await labPort());
  const listen = () => createServer(accept).listen(port, '127.0.0.1');
  let server = listen();
  await once(server, 'listening');

  const front = certificate && tlsFront(certificate, relay);

  /** @param {Socket} raw */
  function accept(raw) {
    if (faults.find(undefined, 'accept-then-close')) raw.destroy();
    // Not even a handshake leaves a black hole.
    else if (front && !faults.find(undefined, 'black-hole')) front.accept(raw);
    else relay(raw, raw);
  }

  /** @param {Socket} client @param {Socket} raw */
  function relay(client, raw) {
    const target = { host: '127.0.0.1', port: targetPort };
    const upstream = certificate ? connectTls({ ...target, ...certificate }) : connect(target);
    // Node never closes a socket that is reset while it says goodbye, and then cannot exit.
    const cut = () => (client.writableEnded ? raw.destroy() : raw.resetAndDestroy());
    const ends = { client, server: upstream, cut };
    const connection = new ProxiedConnection(ends, faults, () => open.delete(connection));
    open.add(connection);
  }

  const ofKinds = (/** @type {readonly ConnectionKind[]} */ kinds) => {
    const isAmong = (/** @type {ConnectionKind | undefined} */ kind) =>
      kind === undefined ? CLIENT_KINDS.every((one) => kinds.includes(one)) : kinds.includes(kind);
    return [...open].filter(({ kind }) => isAmong(kind));
  };
  const reset = (/** @type {readonly ConnectionKind[]} */ kinds = CLIENT_KINDS) => {
    for (const connection of ofKinds(kinds)) connection.cut();
  };

  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    apply: (fault, kinds = CLIENT_KINDS) => {
      if (fault.type === 'half-open') {
        for (const connection of ofKinds(kinds)) connection.silence();
        return;
      }
      faults.add(fault, kinds);
      if (fault.type !== 'refuse') return;
      if (faults.find(undefined, 'refuse')) server.close();
      reset(kinds);
    },
    heal: () => {
      faults.clear();
      if (!server.listening) server = listen();
    },
    reset,
    connections: (kind) => [...open].filter((one) => kind === undefined || one.kind === kind).length,
    stop: async () => {
      const closed = once(server, 'close');
      const wasListening = server.listening;
      server.close();
      front?.cut();
      for (const connection of open) connection.cut();
      if (wasListening) await closed;
    },
  };
}
