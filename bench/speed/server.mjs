// @ts-check
import { Redis } from 'ioredis';

/** What is read of a server beside its load. @param {string} url */
export function watchServer(url) {
  const { hostname, port } = new URL(url);
  const client = new Redis(Number(port), hostname);
  // While a measure kills the server nobody needs it.
  client.on('error', () => undefined);

  /** @param {string} section @returns {Promise<Map<string, string>>} */
  const info = async (section) => {
    const text = await client.info(section);
    return new Map(text.split('\r\n').map((line) => /** @type {[string, string]} */ (line.split(/:(.*)/).slice(0, 2))));
  };
  return {
    client,
    resetCounts: () => client.config('RESETSTAT'),
    /** Calls since `resetCounts`, with those scripts make, without our own. */
    commands: async () => {
      let calls = 0;
      for (const [name, value] of await info('commandstats')) {
        if (/^cmdstat_(info|config\||monitor|echo)/.test(name)) continue;
        calls += Number(/calls=(\d+)/.exec(value ?? '')?.[1] ?? 0);
      }
      return calls;
    },
    cpuMicros: async () => {
      const cpu = await info('cpu');
      return (Number(cpu.get('used_cpu_user')) + Number(cpu.get('used_cpu_sys'))) * 1e6;
    },
    usedMemory: async () => Number((await info('memory')).get('used_memory')),
    connections: async () => Number((await info('clients')).get('connected_clients')),
    sentBytes: async () => Number((await info('stats')).get('total_net_output_bytes')),
    /** A round trip. */
    pingMs: async () => {
      const startedAtMs = performance.now();
      await client.ping();
      return performance.now() - startedAtMs;
    },
  };
}
