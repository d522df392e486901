import { BatchScript } from '../redis/batch-script.js';
import { Script } from '../redis/script.js';

/**
 * A session in Redis is a hash: `v` version, `d` sealed record, `x` deadline, `t` last seen, and after a periodic rotation
 * `g`, until when the old id leads to the new one. The index of a user is a sorted set: handle by deadline, below zero
 * once revoked. Both lie in one slot. All instants are milliseconds of the server that runs the script, and every key
 * expires.
 *
 * `live` answers v, d, x, t, g of a session within its limits, which it checks besides the expiry of the key: limits that
 * were lowered since hold at once, and a key that lost its expiry lives no longer.
 */
const LIVE = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function live(key, idle)
  local found = redis.call('HMGET', key, 'v', 'd', 'x', 't', 'g')
  if not found[1] then return nil end
  local last = tonumber(found[5]) or math.min(tonumber(found[3]) or 0, (tonumber(found[4]) or 0) + idle)
  if now < last then return found end
  redis.pcall('UNLINK', key)
  return nil
end
`;
const PRELUDE = `${LIVE}local function write(key, version, record, deadline, idle)
  redis.call('HSET', key, 'v', version, 'd', record, 'x', deadline, 't', now)
  redis.call('PEXPIRE', key, math.min(idle, deadline - now))
end
local function enlist(key, handle, deadline)
  redis.call('ZADD', key, deadline, handle)
  redis.call('ZREMRANGEBYSCORE', key, -now, now)
  redis.call('PEXPIRE', key, redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2] - now)
end
`;

/** KEYS any of the slot. Reply: the time of its server. */
export const NOW = new Script('session-now', 1, `${LIVE}return now`);

/**
 * Reads a session, and counts that as activity if the last one was long enough ago. One script, because the reply must
 * not say more than the clock of the server allows. It still answers when Redis refuses writes: only the idle time then
 * runs on. KEYS session. ARGV idle ms, ms between two touches or '' for none.
 * Reply: {} or {v, d, x, t, g or '', now}.
 */
export const READ = new BatchScript(
  'session-read',
  1,
  2,
  `${LIVE}local found = live(KEYS[1], ARGV[1])
if not found then return {} end
if ARGV[2] ~= '' and not found[5] and now - found[4] >= tonumber(ARGV[2]) then
  redis.pcall('PEXPIRE', KEYS[1], math.min(ARGV[1], found[3] - now))
  redis.pcall('HSET', KEYS[1], 't', now)
end
return {found[1], found[2], found[3], found[4], found[5] or '', now}`,
);

const CREATE_LUA = `${PRELUDE}if redis.call('HMGET', KEYS[1], 'v')[1] or now >= tonumber(ARGV[3]) then return 0 end
if KEYS[2] then enlist(KEYS[2], ARGV[1], ARGV[3]) end
write(KEYS[1], 1, ARGV[2], ARGV[3], ARGV[4])
return 1`;

/**
 * Stores a new session where there is none. One script: an id must not be had by two sessions, and none may be missing
 * from its index. KEYS session, index of its user. ARGV handle, record, deadline, idle ms. Reply 1 or 0.
 */
export const CREATE = new Script('session-create', 2, CREATE_LUA);
export const CREATE_ANONYMOUS = new Script('session-create', 1, CREATE_LUA);

/**
 * Replaces the record of a session that is still the one it was made from. One script: otherwise a late request would
 * bring back a session that was destroyed meanwhile, or take back what a parallel one wrote.
 * KEYS session. ARGV version, record, idle ms.
 * Reply: {} gone; {'saved', now}; {'stale', v, d, x, t, g or '', now}.
 */
export const SAVE = new BatchScript(
  'session-save',
  1,
  3,
  `${PRELUDE}local found = live(KEYS[1], ARGV[3])
if not found then return {} end
if found[1] ~= ARGV[1] or found[5] then
  return {'stale', found[1], found[2], found[3], found[4], found[5] or '', now}
end
write(KEYS[1], ARGV[1] + 1, ARGV[2], found[3], ARGV[3])
return {'saved', now}`,
);

const ROTATE_LUA = `${PRELUDE}local found = live(KEYS[1], ARGV[3])
if not found then return {} end
if found[1] ~= ARGV[1] or found[5] then
  return {'stale', found[1], found[2], found[3], found[4], found[5] or '', now}
end
if KEYS[3] then
  if tonumber(redis.call('ZSCORE', KEYS[3], ARGV[4]) or 0) <= 0 then
    redis.call('UNLINK', KEYS[1])
    return {}
  end
  enlist(KEYS[3], ARGV[5], ARGV[6])
  redis.call('ZREM', KEYS[3], ARGV[4])
end
write(KEYS[2], 1, ARGV[2], ARGV[6], ARGV[3])
if ARGV[7] == '' then
  redis.call('UNLINK', KEYS[1])
else
  redis.call('HSET', KEYS[1], 'v', ARGV[1] + 1, 'd', ARGV[7], 'g', now + ARGV[8])
  redis.call('PEXPIRE', KEYS[1], ARGV[8])
end
return {'saved', now}`;

/**
 * Gives a session a new id. One script, so that there is never a moment with two ids that hold its rights, or with none,
 * and that a session which is being revoked has no way out. With a grace the old id leads to the new one for a while.
 * KEYS old session, new session, index of its user. ARGV version of the old one, record of the new one, idle ms, old
 * handle, new handle, deadline, record that leads to the new id or '', grace ms. Reply as of SAVE.
 */
export const ROTATE = new Script('session-rotate', 3, ROTATE_LUA);
export const ROTATE_ANONYMOUS = new Script('session-rotate', 2, ROTATE_LUA);

const DESTROY_LUA = `local score = KEYS[2] and tonumber(redis.call('ZSCORE', KEYS[2], ARGV[1]) or nil)
if ARGV[2] == 'listed' and not score then return 0 end
local removed = redis.call('UNLINK', KEYS[1])
if score then redis.call('ZREM', KEYS[2], ARGV[1]) end
return removed`;

/**
 * Removes a session, also when Redis is out of memory. One script: what is found missing in the index is gone.
 * KEYS session, index of its user. ARGV handle, 'listed' to leave alone what the index does not have. Reply: 1 or 0.
 */
export const DESTROY = new Script('session-destroy', 2, DESTROY_LUA);
export const DESTROY_ANONYMOUS = new Script('session-destroy', 1, DESTROY_LUA);

const TAKE_LUA = `${LIVE}local found = live(KEYS[1], ARGV[2])
if not found then return {} end
if found[1] ~= ARGV[1] or found[5] then
  return {'stale', found[1], found[2], found[3], found[4], found[5] or '', now}
end
redis.call('UNLINK', KEYS[1])
if not KEYS[2] then return {'saved', now} end
local score = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[3]) or 0)
redis.call('ZREM', KEYS[2], ARGV[3])
if score <= 0 then return {} end
return {'saved', now}`;

/**
 * Removes the session that another one replaces, if it is still as it was read and not revoked. One script: what a parallel
 * request wrote must come along. KEYS session, index of its user. ARGV version, idle ms, handle. Reply as of SAVE.
 */
export const TAKE = new Script('session-take', 2, TAKE_LUA);
export const TAKE_ANONYMOUS = new Script('session-take', 1, TAKE_LUA);

/**
 * Marks all sessions of a user but one as revoked: none of them can be rotated any more, so that removing them one by one
 * afterwards finds them all. Whoever calls again after a crash finds them still. KEYS index. ARGV handle to spare or ''.
 * Reply: handles of the revoked; nil, and nothing done, when the one to spare is not in the index (any more).
 */
export const REVOKE = new Script(
  'session-revoke',
  1,
  `#!lua flags=allow-oom
if ARGV[1] ~= '' and tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0) <= 0 then return false end
local entries = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
local revoked = {}
for i = 1, #entries, 2 do
  if entries[i] ~= ARGV[1] then
    redis.call('ZADD', KEYS[1], 'XX', -math.abs(entries[i + 1]), entries[i])
    revoked[#revoked + 1] = entries[i]
  end
end
return revoked`,
);

/** Handles of a user's sessions, those past their deadline dropped. KEYS index. Reply: handles. */
export const LIST = new Script(
  'session-list',
  1,
  `${LIVE}redis.pcall('ZREMRANGEBYSCORE', KEYS[1], -now, now)
return redis.call('ZRANGE', KEYS[1], '(0', '+inf', 'BYSCORE')`,
);

/** Removes sessions and their places in the index. KEYS index, sessions. ARGV their handles. Reply: how many there were. */
export function sweep(sessions: number): Script {
  return new Script(
    'session-sweep',
    sessions + 1,
    `local removed = 0
for i = 2, #KEYS do
  removed = removed + redis.call('UNLINK', KEYS[i])
  redis.call('ZREM', KEYS[1], ARGV[i - 1])
end
return removed`,
  );
}

/**
 * Takes out of the index what expired for lack of activity. One script: a session and its place appear together, so that
 * what is found missing here is gone. KEYS index, sessions. ARGV their handles. Reply: how many there are.
 */
export function heal(sessions: number): Script {
  return new Script(
    'session-heal',
    sessions + 1,
    `local alive = 0
for i = 2, #KEYS do
  if redis.call('HMGET', KEYS[i], 'v')[1] then alive = alive + 1 else redis.pcall('ZREM', KEYS[1], ARGV[i - 1]) end
end
return alive`,
  );
}
