// @ts-check
import { startCluster } from '../lab/cluster.mjs';
import { shareLab, SPEC_USERS } from './shared-lab.mjs';

/** One cluster for all specs that run on one, as the users of docs/acl.md. */
export default async function globalSetupCluster() {
  shareLab(await startCluster({ acl: SPEC_USERS, proxied: false }));
}
