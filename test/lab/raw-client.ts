import { connect, type Socket } from 'node:net';
import { eventually } from '../support/eventually.js';

/** A client without opinions: sends commands, and shows which bytes came back and how the connection ended. */
export class RawClient {
  /** What was received and not given back by `ask`. */
  received = '';
  /** `'closed'`, or the code of the error that ended it. */
  ended: string | undefined;
  readonly #socket: Socket;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('data', (data) => (this.received += data.toString('latin1')));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => (this.ended = error.code));
    this.#socket.on('close', () => (this.ended ??= 'closed'));
    open.add(this.#socket);
  }

  /** Connects and says what it is. */
  static async named(port: number, name: string): Promise<RawClient> {
    const client = new RawClient(port);
    expect(await client.ask('CLIENT', 'SETNAME', name)).toBe('+OK\r\n');
    return client;
  }

  /** What the other end has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  command(...parts: string[]): void {
    const bulk = (part: string): string => `$${Buffer.byteLength(part)}\r\n${part}\r\n`;
    this.#socket.write(`*${parts.length}\r\n${parts.map(bulk).join('')}`);
  }

  /** The first bytes of the reply. */
  async ask(...parts: string[]): Promise<string> {
    this.command(...parts);
    await eventually(() => this.received !== '');
    const reply = this.received;
    this.received = '';
    return reply;
  }

  /** Resolves to how the connection ended. */
  async end(): Promise<string> {
    await eventually(() => this.ended !== undefined);
    return this.ended!;
  }
}

const open = new Set<Socket>();

afterEach(() => {
  for (const socket of open) socket.destroy();
  open.clear();
});
