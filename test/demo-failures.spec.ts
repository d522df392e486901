import { PassThrough } from 'node:stream';
import { Failures } from '../scripts/demo-failures.mjs';
import { listenToKeys } from '../scripts/demo-keys.mjs';
import { startFaultProxy } from './lab/fault-proxy.mjs';
import { eventually } from './support/eventually.js';

/** A PostgreSQL that nobody asks: its proxy is all that is looked at. */
async function startFailures() {
  const proxy = await startFaultProxy({ targetPort: 1 });
  return { proxy, failures: new Failures({ postgres: { proxy, url: 'postgres://127.0.0.1:1/none' } }) };
}

/** A terminal. */
function startTerminal(): NodeJS.ReadStream {
  const keys = { isTTY: true, setRawMode: () => stdin, unref: () => stdin };
  const stdin = Object.assign(new PassThrough(), keys) as unknown as NodeJS.ReadStream;
  return stdin;
}

const namesOf = (failures: Failures): string[] => failures.state().flatMap(({ name, isOn }) => (isOn ? [name] : []));

beforeEach(() => {
  for (const method of ['log', 'error'] as const) jest.spyOn(console, method).mockImplementation(() => undefined);
});

afterEach(() => jest.restoreAllMocks());

describe('the failures of the demo', () => {
  it('leave servers alone that are not its own', () => {
    expect(new Failures({}).state()).toEqual([]);
  });

  it('are switched on and off by a key each', async () => {
    const { proxy, failures } = await startFailures();
    const stdin = startTerminal();
    listenToKeys(failures, stdin);
    for (const expected of [['stop-postgres'], []]) {
      stdin.push('?');
      stdin.push('p');
      await eventually(() => expect(namesOf(failures)).toEqual(expected));
    }
    await proxy.stop();
  });

  it('are off when they could not begin', async () => {
    const { proxy, failures } = await startFailures();
    await expect(failures.switch('fail-loader', true)).rejects.toThrow(/ECONNREFUSED/);
    expect(namesOf(failures)).toEqual([]);
    await failures.switch('stop-postgres', true);
    expect(namesOf(failures)).toEqual(['stop-postgres']);
    await failures.endAll();
    expect(namesOf(failures)).toEqual([]);
    await proxy.stop();
  });
});
