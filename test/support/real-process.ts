import { runInThisContext } from 'node:vm';

/** Jest gives specs a copy of `process`, on which nothing ever happens. */
export const realProcess = runInThisContext('process') as NodeJS.Process;

/** The tests of this file fail when a promise of theirs was rejected and nobody looked. */
export function expectNoUnhandledRejection(): void {
  const rejections: unknown[] = [];
  const note = (reason: unknown): void => {
    rejections.push(reason);
  };
  beforeAll(() => realProcess.on('unhandledRejection', note));
  afterAll(() => {
    realProcess.off('unhandledRejection', note);
    expect(rejections).toEqual([]);
  });
}
