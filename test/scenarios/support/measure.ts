/** Half of the calls of `work`, one after the other, took no longer than this. */
export async function medianMs(rounds: number, work: (round: number) => Promise<unknown>): Promise<number> {
  const durationsMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const startedAtMs = performance.now();
    await work(round);
    durationsMs.push(performance.now() - startedAtMs);
  }
  return durationsMs.sort((a, b) => a - b)[Math.floor(rounds / 2)]!;
}

/** Runs `work` for 0, 1, … `count - 1`, so many at a time. */
export async function runConcurrently(
  count: number,
  concurrency: number,
  work: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}
