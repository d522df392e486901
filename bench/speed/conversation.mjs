// @ts-check

/**
 * Asks a process, one question at a time. What it says first, unasked, is `first`.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @returns {{ first: Promise<any>, ask: (question: any) => Promise<any> }} they reject when the process ends instead
 */
export function conversation(child) {
  /** @type {(message: unknown) => void} */
  let answer = () => {};
  /** @type {(error: Error) => void} */
  let refuse = () => {};
  const next = () =>
    new Promise((resolve, reject) => {
      [answer, refuse] = [resolve, reject];
    });
  const first = next();
  child.on('message', (message) => answer(message));
  child.on('exit', () => refuse(new Error('The process ended.')));
  return {
    first,
    ask: (question) => {
      const reply = next();
      child.send(question);
      return reply;
    },
  };
}
