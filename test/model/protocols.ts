import { boundedTrust } from './bounded-trust.js';
import type { Protocol } from './explore.js';
import { failover } from './failover.js';
import { journal } from './journal.js';
import { keyLeases } from './key-leases.js';
import { tagIds } from './tag-ids.js';
import { valueTags } from './value-tags.js';

/** By their headings in docs/protocol.md. */
export const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  'Leases of a key': keyLeases,
  'Ids of tags': tagIds,
  'Tags that the value tells': valueTags,
  'Bounded trust': boundedTrust,
  'The journal': journal,
  'Another server': failover,
};
