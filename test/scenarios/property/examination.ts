import { CacheDoctor, CacheEngine, type RedisCacheModuleOptions, type ServerReport } from 'nestjs-rcache';

/** @returns what the process should end with: 1 when Redis cannot be used as it is */
export async function examine(options: RedisCacheModuleOptions, print: (line: string) => void): Promise<0 | 1> {
  const engine = new CacheEngine(options);
  const doctor = new CacheDoctor(engine, options.session && (options.session.connection ?? 'default'));
  try {
    await engine.start();
    const { servers, findings } = await doctor.examine();
    for (const server of servers) print(described(server));
    for (const { level, code, message, advice } of findings) {
      print(`${level.padEnd(7)}  ${code.padEnd(20)}  ${message}${advice === '' ? '' : ` ${advice}`}`);
    }
    return findings.some(({ level }) => level === 'error') ? 1 : 0;
  } finally {
    await engine.close();
  }
}

function described(server: ServerReport): string {
  const { connection, node, software = 'redis', version = '?', latencyMs, clients, evictionPolicy = '?' } = server;
  const at = node === '' ? connection : `${connection} ${node}`;
  const away = latencyMs === undefined ? 'latency unknown' : `${latencyMs} ms away`;
  return `${at}: ${software} ${version}, ${away}, ${memory(server)}, ${evictionPolicy}, ${clients ?? '?'} clients`;
}

function memory({ usedMemoryBytes, maxMemoryBytes }: ServerReport): string {
  const mib = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
  if (usedMemoryBytes === undefined) return 'memory unknown';
  return maxMemoryBytes ? `${mib(usedMemoryBytes)} of ${mib(maxMemoryBytes)}` : `${mib(usedMemoryBytes)}, no limit`;
}
