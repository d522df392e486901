const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const TIME = String.raw`(\d{2}):(\d{2}):(\d{2})`;
const IMF = new RegExp(String.raw`^\w{3}, (\d{2}) (\w{3}) (\d{4}) ${TIME} GMT$`, 'i');
const RFC_850 = new RegExp(String.raw`^\w{6,9}, (\d{2})-(\w{3})-(\d{2}) ${TIME} GMT$`, 'i');
const ASCTIME = new RegExp(String.raw`^\w{3} (\w{3}) ([ \d]\d) ${TIME} (\d{4})$`, 'i');

/**
 * The instant of an HTTP date in one of its three forms (RFC 9110, 5.6.7), in milliseconds since the epoch; `undefined`
 * for anything else. `Date.parse` would take dates of any form and zone, and an `Expires` that is none means the past.
 */
export function parseHttpDate(text: unknown, nowMs: number): number | undefined {
  if (typeof text !== 'string') return undefined;
  const imf = IMF.exec(text);
  if (imf !== null) return instant(Number(imf[3]), imf[2], imf[1], imf);
  const rfc850 = RFC_850.exec(text);
  if (rfc850 !== null) return instant(yearOf(Number(rfc850[3]), nowMs), rfc850[2], rfc850[1], rfc850);
  const asctime = ASCTIME.exec(text);
  if (asctime === null) return undefined;
  return instant(Number(asctime[6]), asctime[1], asctime[2], asctime, 3);
}

function instant(year: number, month = '', day: string | undefined, match: RegExpExecArray, timeAt = 4) {
  const index = MONTHS.findIndex((name) => name.toLowerCase() === month.toLowerCase());
  const [hours, minutes, seconds] = match.slice(timeAt, timeAt + 3).map(Number) as [number, number, number];
  const atMs = Date.UTC(year, index, Number(day), hours, minutes, seconds);
  return index === -1 || hours > 23 || minutes > 59 || seconds > 60 ? undefined : atMs;
}

/** Two digits that would be more than 50 years ahead are of the century before. */
function yearOf(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}
