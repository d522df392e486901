// @ts-check
import { startSentinel } from '../lab/sentinel.mjs';
import { shareLab, SPEC_USERS } from './shared-lab.mjs';

/** One primary with its replica and sentinels for all specs that run on such, as the users of docs/acl.md. */
export default async function globalSetupSentinel() {
  shareLab(await startSentinel({ acl: SPEC_USERS, proxied: false }));
}
