// @ts-check
/** @typedef {import('./lab-node.mjs').LabNode} LabNode */

/** @param {LabNode} node */
export async function isPrimary(node) {
  const [role] = await node.client.role();
  return role === 'master';
}

/** Whether a replica has what its primary has. @param {LabNode} node */
export async function isInSync(node) {
  return /master_link_status:up/.test(await node.client.info('replication'));
}
