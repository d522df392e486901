type Work = (round: number) => Promise<unknown>;

/** Half of the calls of `work`, one after the other, took no longer than this. */
export async function medianMs(rounds: number, work: Work): Promise<number> {
  return (await mediansMs(rounds, [work]))[0]!;
}

/** The same of several works in turns, so that whatever else the machine does slows each of them down. */
export async function mediansMs(rounds: number, works: readonly Work[]): Promise<number[]> {
  const durationsMs: number[][] = works.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, work] of works.entries()) {
      const startedAtMs = performance.now();
      await work(round);
      durationsMs[index]!.push(performance.now() - startedAtMs);
    }
  }
  return durationsMs.map((ofWork) => ofWork.sort((a, b) => a - b)[Math.floor(rounds / 2)]!);
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
