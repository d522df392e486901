/**
 * Until when, on the monotonic clock, what this process remembers may answer; one object for each time a link was armed.
 * Read at every hit, never copied: its end ends the right of everything that was remembered under it.
 */
export interface Trust {
  untilMs: number;
}

/** Of what no link watches. */
export const NO_TRUST: Trust = Object.freeze({ untilMs: -Infinity });

/** Of what only this process writes. */
export const ENDLESS_TRUST: Trust = Object.freeze({ untilMs: Infinity });
