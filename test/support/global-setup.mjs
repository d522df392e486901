// @ts-check
// One private Redis for the whole run, and one PostgreSQL for those specs that ask for it: they ask over HTTP, because
// a spec may run in another process than this. Whatever starts here ends with this process, even without the teardown.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { startPostgres, startRedis } from '../../scripts/servers.mjs';

/** @type {Promise<import('../../scripts/postgres-server.mjs').PostgresServer> | undefined} */
let postgres;

export default async function globalSetup() {
  const redis = await startRedis();
  process.env.TEST_REDIS_URL = redis.url;

  const broker = createServer((_request, response) => {
    postgres ??= startPostgres();
    postgres.then(
      ({ url }) => response.end(url),
      (error) => response.writeHead(500).end(String(error)),
    );
  });
  broker.listen(0, '127.0.0.1').unref();
  await once(broker, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (broker.address());
  process.env.TEST_DATABASE_BROKER_URL = `http://127.0.0.1:${port}`;

  Object.assign(globalThis, {
    stopTestServers: async () => {
      broker.closeAllConnections();
      broker.close();
      await Promise.all([redis.stop(), postgres?.then((server) => server.stop())]);
    },
  });
}
