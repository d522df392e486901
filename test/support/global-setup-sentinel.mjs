// @ts-check
import { startSentinel } from '../lab/sentinel.mjs';

/** One primary with its replica and sentinels for all specs that run on such. */
export default async function globalSetupSentinel() {
  const lab = await startSentinel();
  process.env.TEST_CONNECTION_SENTINEL = JSON.stringify(lab.connection);
  Object.assign(globalThis, { stopTestSentinel: lab.stop });
}
