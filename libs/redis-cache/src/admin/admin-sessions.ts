import { InvalidArgumentError } from '../errors.js';
import { type Action, type Fields, textOf } from './action.js';

/** A session as a device of its user. */
export interface DeviceSession {
  /** Names the session, and opens nothing. */
  readonly handle: string;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
  readonly ip: string | undefined;
  readonly userAgent: string | undefined;
}

/** What the admin page needs of `SessionService`. */
export interface AdminSessions {
  listOf(userId: string): Promise<DeviceSession[]>;
  destroyOf(userId: string, handle: string): Promise<boolean>;
  destroyAllOf(userId: string): Promise<number>;
}

/** @throws InvalidArgumentError where the module has no sessions */
export function sessionsIn(sessions: AdminSessions | undefined): AdminSessions {
  if (sessions === undefined) throw new InvalidArgumentError('The module has no sessions.');
  return sessions;
}

/** What revoking one or all sessions of a user does; `undefined` for another kind. */
export function revocationOf(sessions: AdminSessions | undefined, fields: Fields): Action | undefined {
  const [user, handle] = [textOf(fields, 'user'), textOf(fields, 'session')];
  if (fields.kind === 'session') {
    return {
      audited: 'revoke-session',
      target: `${user} ${shortHandle(handle)}`,
      what: `The session ${shortHandle(handle)} of user "${user}" ends`,
      count: async () => {
        const known = (await sessionsIn(sessions).listOf(user)).filter((each) => each.handle === handle);
        return { entries: known.length, isEstimate: false, sample: known.map(describe) };
      },
      apply: async () => ((await sessionsIn(sessions).destroyOf(user, handle)) ? 'ended' : 'not there'),
    };
  }
  if (fields.kind !== 'sessions') return undefined;
  return {
    audited: 'revoke-sessions',
    target: user,
    name: user,
    what: `Every session of user "${user}" ends`,
    count: async () => {
      const known = await sessionsIn(sessions).listOf(user);
      return { entries: known.length, isEstimate: false, sample: known.slice(0, 10).map(describe) };
    },
    apply: async () => `${await sessionsIn(sessions).destroyAllOf(user)} ended`,
  };
}

/** Enough to tell the sessions of a user apart. */
export function shortHandle(handle: string): string {
  return handle.length > 8 ? `${handle.slice(0, 8)}…` : handle;
}

function describe({ handle, userAgent = 'unknown device', ip = '' }: DeviceSession): string {
  return [shortHandle(handle), userAgent, ip].filter((text) => text !== '').join(', ');
}
