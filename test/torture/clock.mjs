// @ts-check

/** Milliseconds on the one monotonic clock that all processes of a machine share. */
export function nowMs() {
  return Number(process.hrtime.bigint()) / 1e6;
}
