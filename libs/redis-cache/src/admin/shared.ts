/** Work whose result is good for whoever asks within a few seconds; one that failed is begun anew. */
export function shared<T>(work: () => Promise<T>, forMs: number): () => Promise<T> {
  let latest: Promise<T> | undefined;
  let begunAtMs = -Infinity;
  return () => {
    if (latest === undefined || performance.now() - begunAtMs >= forMs) {
      begunAtMs = performance.now();
      latest = work();
      latest.catch(() => {
        begunAtMs = -Infinity;
      });
    }
    return latest;
  };
}
