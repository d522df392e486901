// @ts-check
import { startCluster } from '../lab/cluster.mjs';

/** One cluster for all specs that run on one. */
export default async function globalSetupCluster() {
  const lab = await startCluster();
  process.env.TEST_CONNECTION_CLUSTER = JSON.stringify(lab.connection);
  Object.assign(globalThis, { stopTestCluster: lab.stop });
}
