// @ts-check
/** @typedef {import('./lab-node.mjs').LabNode} LabNode */
/** @typedef {{ node: LabNode, id: string }} Owner */

const KEYS_PER_STEP = 100;
const SLOTS_AT_ONCE = 20;
const MIGRATE_TIMEOUT_MS = 5_000;

/**
 * Moves slots with their keys while clients go on using them, as `redis-cli --cluster reshard` does.
 *
 * @param {Owner} from
 * @param {Owner} to
 * @param {number[]} slots owned by `from`
 * @param {LabNode[]} others further primaries, to be told at once instead of by gossip
 */
export async function moveSlots(from, to, slots, others) {
  for (let start = 0; start < slots.length; start += SLOTS_AT_ONCE) {
    await Promise.all(slots.slice(start, start + SLOTS_AT_ONCE).map((slot) => moveSlot(from, to, slot, others)));
  }
}

/** @param {Owner} from @param {Owner} to @param {number} slot @param {LabNode[]} others */
async function moveSlot(from, to, slot, others) {
  await to.node.client.cluster('SETSLOT', slot, 'IMPORTING', from.id);
  await from.node.client.cluster('SETSLOT', slot, 'MIGRATING', to.id);
  const { serverPort, user } = to.node;
  const options = ['', 0, MIGRATE_TIMEOUT_MS, ...(user ? ['AUTH2', user.username, user.password] : [])];
  for (;;) {
    const keys = /** @type {Buffer[]} */ (
      await from.node.client.callBuffer('CLUSTER', 'GETKEYSINSLOT', slot, KEYS_PER_STEP)
    );
    if (keys.length === 0) break;
    await from.node.client.call('MIGRATE', '127.0.0.1', serverPort, ...options, 'KEYS', ...keys);
  }
  // The new owner first: a slot without one would lose its keys.
  for (const node of [to.node, from.node, ...others]) await node.client.cluster('SETSLOT', slot, 'NODE', to.id);
}
