export interface CreateSessionOptions {
  /** Whose session it is; without one it is of nobody in particular. Never an empty text. */
  userId?: string;
  /** Shown in `listOf`, as given: its first 64 characters. */
  ip?: string;
  /** Shown in `listOf`, as given: its first 256 characters. */
  userAgent?: string;
}

export interface RotateSessionOptions {
  /**
   * Whose session it is from now on: a login, so both lifetimes begin anew. Without it the session keeps its user and
   * its deadline.
   */
  userId?: string;
  /** Lets the old id lead to the new one for `rotationGrace`. For rotation by the clock only: never after a change of rights. */
  grace?: boolean;
  /** With `userId`: from where this login came. Default: as before. */
  ip?: string;
  userAgent?: string;
}

/** `unchanged`: there was nothing to write. `gone`: the session has ended meanwhile, and nothing was written. */
export type SaveResult = 'saved' | 'unchanged' | 'gone';

/** New values of top-level fields, where `undefined` removes one, or a function that changes the data in place. */
export type SessionChange<Data> = Partial<Data> | ((data: Data) => unknown);
