// @ts-check

const CTRL_C = '\u0003';

/**
 * Says which failures there are, and switches them by keys where there is a terminal.
 * @param {import('./demo-failures.mjs').Failures} failures
 * @param {NodeJS.ReadStream} [stdin]
 */
export function listenToKeys(failures, stdin = process.stdin) {
  if (!stdin.isTTY) return console.log('  Ctrl-C ends everything.\n');
  const lines = failures.state().map(({ key, title }) => `    ${key}  ${title}`);
  console.log(`  Keys switch failures on and off; Ctrl-C ends everything.\n${lines.join('\n')}\n`);
  stdin.setRawMode(true).setEncoding('utf8').unref();
  stdin.on('data', (typed) => {
    if (String(typed) === CTRL_C) return void process.kill(process.pid, 'SIGINT');
    const failure = failures.state().find(({ key }) => key === String(typed));
    if (!failure) return;
    const { name, title, isOn, isMomentary } = failure;
    const what = isMomentary ? 'done' : isOn ? 'over' : 'on';
    failures.toggle(name).then(
      () => console.log(`  ${title}: ${what}`),
      (error) => console.error(`  ${title}: ${String(error)}`),
    );
  });
}
