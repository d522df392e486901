/**
 * The coherence link as Redis serves it: announcements are collected and leave at the end of a turn, after the answers to
 * pings of that turn. What is on the wire arrives in order, at any time or never.
 */
export interface Link<News> {
  isArmed: boolean;
  answers: 'pong'[];
  announcements: News[];
  wire: ('pong' | News)[];
}

export const NO_LINK = Object.freeze({ isArmed: false, answers: [], announcements: [], wire: [] });

export function endTurn<News>(link: Link<News>): void {
  link.wire.push(...link.answers.splice(0), ...link.announcements.splice(0));
}

export function isTurnOpen({ answers, announcements }: Link<unknown>): boolean {
  return answers.length + announcements.length > 0;
}
