import { BatchScript } from '../redis/batch-script.js';
import { ListScript, Script } from '../redis/script.js';

// Numbers are given to commands as text: Redis spells each that Lua gives it by printf, which takes as long as a small command.

/** Deletes work when Redis is out of memory. */
const ALLOW_OOM = '#!lua flags=allow-oom\n';

/** A holder that died is replaced after this; a living one renews at half of it. */
export const LEASE_MS = 2000;

/** Lua: what a reading command answers, or nil where another type stands there, which is not ours. */
const READ = `local function read(...)
  local reply = redis.pcall(...)
  if type(reply) ~= 'table' then return reply end
  if not string.find(reply.err, 'WRONGTYPE', 1, true) then error(reply) end
  return nil
end
`;

/**
 * Asks for the right to load. One script, so that of all processes that saw the same entry one is granted.
 * KEYS entry, lease. ARGV id of the entry seen ('' for none), token and digest of the tag ids the load begins with, '1'
 * when those ids were read from Redis for this call.
 * Reply: 1 granted; {'entry', value} a newer one is there; {'pass'} load without storing; {'held', remaining ms};
 * {'ids'} the running load began with other ids, read yours again; {'foreign'} another type stood there and is gone, ask
 * again. The lease keeps the id seen for `fill` to compare; one that saw another entry is taken over, for its `fill` will be
 * refused. A lease of another type, or without an end, is not ours.
 */
export const ACQUIRE = new BatchScript(
  'acquire',
  2,
  3,
  `local seen = ARGV[1]
local stored = read('GETRANGE', KEYS[1], '4', '15')
if stored == nil then
  redis.call('UNLINK', KEYS[1])
  return {'foreign'}
end
if stored ~= seen then
  if stored ~= '' then return {'entry', redis.call('GET', KEYS[1])} end
  seen = ''
end
local own = ARGV[2] .. seen
if redis.call('SET', KEYS[2], own, 'NX', 'PX', '${LEASE_MS}') then return 1 end
local lease = read('GET', KEYS[2])
local leftMs = lease and redis.call('PTTL', KEYS[2]) or -1
if leftMs >= 0 then
  if lease == 'pass' then return {'pass'} end
  local digest, loading = string.match(lease, '(|[^|]*|)(.*)$')
  if loading == seen then
    if digest == string.match(ARGV[2], '|[^|]*|') then return {'held', leftMs} end
    if ARGV[3] == '0' then return {'ids'} end
  end
end
redis.call('SET', KEYS[2], own, 'PX', '${LEASE_MS}')
return 1`,
  READ,
);

/**
 * Takes the lease whoever holds it, for a write whose result is to be stored: loads that began before it lose, those that
 * come later wait. What is of another type goes. KEYS entry, lease. ARGV token and digest.
 */
export const SEIZE = new Script(
  'seize',
  2,
  `${READ}local seen = read('GETRANGE', KEYS[1], '4', '15')
if seen == nil then
  redis.call('UNLINK', KEYS[1])
  seen = ''
end
redis.call('SET', KEYS[2], ARGV[1] .. seen, 'PX', '${LEASE_MS}')
return 1`,
);

/**
 * Stores the result of a load if nothing happened since it began. One script: between a check and a write of its own an
 * invalidation could slip in. KEYS entry, lease. ARGV token, record, lifetime in ms. Reply 1 stored, 0 refused.
 */
export const FILL = new BatchScript(
  'fill',
  2,
  3,
  `local lease = read('GET', KEYS[2])
local own = ARGV[1] .. '|'
if not lease or string.sub(lease, 1, #own) ~= own then return 0 end
redis.call('DEL', KEYS[2])
local seen = string.match(lease, '|[^|]*|(.*)$')
if seen == '' and redis.call('SET', KEYS[1], ARGV[2], 'NX', 'PX', ARGV[3]) then return 1 end
if read('GETRANGE', KEYS[1], '4', '15') ~= seen then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`,
  READ,
);

/** Keeps a lease. Compare and extend in one step, or another's lease would be extended. KEYS lease. ARGV token, ms. */
export const RENEW = new BatchScript(
  'renew',
  1,
  2,
  `local lease = redis.call('GET', KEYS[1])
local own = ARGV[1] .. '|'
if not lease or string.sub(lease, 1, #own) ~= own then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`,
);

/**
 * Ends a load that stores nothing: the lease goes (or says `pass` for a while) and the wake marker tells the waiters.
 * One script, so that only the holder does it. KEYS lease, wake. ARGV token, ms of `pass` or 0.
 */
export const ABORT = new BatchScript(
  'abort',
  2,
  2,
  `local lease = redis.call('GET', KEYS[1])
local own = ARGV[1] .. '|'
if not lease or string.sub(lease, 1, #own) ~= own then return 0 end
if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], 'pass', 'PX', ARGV[2]) end
redis.call('SET', KEYS[2], '')
redis.call('DEL', KEYS[2])
return 1`,
);

/**
 * Removes an entry and cancels the running load. One script: the load must not fill in between. Where there is no entry,
 * whose removal Redis would announce, a marker is set and deleted instead. Made of deletes, it works when Redis is out of
 * memory. KEYS entry, lease, marker. Reply: 1 when there was an entry.
 */
export const INVALIDATE = new BatchScript(
  'invalidate',
  3,
  0,
  `local removed = redis.call('UNLINK', KEYS[1])
redis.call('DEL', KEYS[2])
if removed == 0 then
  redis.call('SET', KEYS[3], '')
  redis.call('DEL', KEYS[3])
end
return removed`,
  ALLOW_OOM,
);

/**
 * The same for many keys of one slot at once. Where one of them has no entry, the markers of all are fired. KEYS entries,
 * leases, markers. Reply: how many entries there were.
 */
export const INVALIDATE_ALL = new ListScript(
  'invalidateAll',
  `local count = #KEYS / 3
local removed = redis.call('UNLINK', unpack(KEYS, 1, count))
redis.call('DEL', unpack(KEYS, count + 1, 2 * count))
if removed < count then
  for i = 2 * count + 1, #KEYS do
    redis.call('SET', KEYS[i], '')
    redis.call('DEL', KEYS[i])
  end
end
return removed`,
  ALLOW_OOM,
);

/**
 * Stores an explicit value and cancels the running load, unless the caller has given up by now: a late write would undo
 * a later delete. KEYS entry, lease. ARGV record, lifetime in ms, last instant in server ms. Reply 1 or 0.
 */
export const PUT = new BatchScript(
  'put',
  2,
  3,
  `local time = redis.call('TIME')
if time[1] * 1000 + time[2] / 1000 > tonumber(ARGV[3]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[2])
return 1`,
);

/**
 * Makes an entry stale without removing it and cancels the running load: sets the soft-expired flag of the envelope.
 * One script, since reading and writing back would lose a newer entry. KEYS entry, lease, marker. Reply 1 or 0.
 */
export const EXPIRE = new BatchScript(
  'expire',
  3,
  0,
  `redis.call('DEL', KEYS[2])
local head = read('GETRANGE', KEYS[1], '0', '3')
local found = 0
if head and #head == 4 and string.sub(head, 1, 3) == 'RC2' then
  found = 1
  local flags = string.byte(head, 4)
  if bit.band(flags, 16) == 0 then redis.call('SETRANGE', KEYS[1], '3', string.char(flags + 16)) end
end
redis.call('SET', KEYS[3], '')
redis.call('DEL', KEYS[3])
return found`,
  READ,
);

/** Invalidates all entries of a tag: its id goes, and the marker says so. KEYS id, marker. Works out of memory. */
export const INVALIDATE_TAG = new BatchScript(
  'invalidateTag',
  2,
  0,
  `redis.call('UNLINK', KEYS[1])
redis.call('SET', KEYS[2], '')
redis.call('DEL', KEYS[2])
return 1`,
  ALLOW_OOM,
);

/**
 * Takes the data of a server for what they are, once for each of its runs: when they may be old, the namespace's id goes,
 * and with it all that was stored under it. One script, or two processes would each remove an id.
 * KEYS id, marker, note about the run. ARGV '1' when the data may be old, lifetime of the note in ms. Reply 1 removed, 0.
 */
export const JUDGE = new Script(
  'judge',
  3,
  `if not redis.call('SET', KEYS[3], '', 'NX', 'PX', ARGV[2]) or ARGV[1] == '0' then return 0 end
redis.call('UNLINK', KEYS[1])
redis.call('SET', KEYS[2], '')
redis.call('DEL', KEYS[2])
return 1`,
);

/**
 * The id of a tag, created when missing, its lifetime renewed below half. What is no id counts as missing: without an
 * id nothing could be stored. One script, or two creators would disagree. KEYS id. ARGV new id, lifetime in ms or 0 for none.
 */
export const ENSURE_TAG = new BatchScript(
  'ensureTag',
  1,
  2,
  `local id = read('GET', KEYS[1])
local lifetime = tonumber(ARGV[2])
if id and #id == #ARGV[1] then
  if lifetime > 0 and redis.call('PTTL', KEYS[1]) < lifetime / 2 then redis.call('PEXPIRE', KEYS[1], lifetime) end
  return id
end
if lifetime > 0 then redis.call('SET', KEYS[1], ARGV[1], 'PX', lifetime) else redis.call('SET', KEYS[1], ARGV[1]) end
return ARGV[1]`,
  READ,
);
