import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { LoggerService } from '@nestjs/common';
import { EventChannel, type EventLogOptions, systemClock } from 'nestjs-rcache';
import { logEvents } from '../libs/redis-cache/src/ops/event-log.js';
import { membersOf } from './support/declarations.js';
import { startEngine } from './support/engines.js';

describe('events on diagnostics_channel', () => {
  it('come with the same content as to a listener, and make the engine build what nobody else listens to', async () => {
    const engine = await startEngine({ connection: false });
    const heard: unknown[] = [];
    const listener = (event: unknown): void => {
      heard.push(event);
    };
    expect(engine.events.listensTo('hit')).toBe(false);
    subscribe('rcache:hit', listener);
    expect(engine.events.listensTo('hit')).toBe(true);
    await engine.defaultCache.set('key', 1);
    await engine.defaultCache.get('key');
    unsubscribe('rcache:hit', listener);
    await engine.defaultCache.get('key');
    expect(heard).toEqual([{ cache: 'default', key: 'key', tier: 'l1', stale: false }]);
    expect(engine.events.listensTo('hit')).toBe(false);
  });

  it('are there for every event', () => {
    const events = new EventChannel();
    const heard: unknown[] = [];
    const listener = (_event: unknown, name: string | symbol): void => {
      heard.push(name);
    };
    const names = membersOf('CacheEvents');
    for (const name of names) subscribe(`rcache:${name}`, listener);
    for (const name of names) events.emit(name as 'hit', {} as never);
    for (const name of names) unsubscribe(`rcache:${name}`, listener);
    expect(heard).toEqual(names.map((name) => `rcache:${name}`));
  });
});

describe('the log of events', () => {
  function start(options: EventLogOptions, random = 0.5) {
    const events = new EventChannel();
    const lines: string[] = [];
    const write = (level: string) => (line: string) => void lines.push(`${level} ${line}`);
    const logger = Object.fromEntries(
      ['log', 'error', 'warn', 'debug', 'verbose'].map((level) => [level, write(level)]),
    ) as unknown as LoggerService;
    let nowMs = 0;
    const clock = { ...systemClock, nowMs: () => nowMs, random: () => random };
    logEvents(events, logger, clock, options);
    return { events, lines, wait: (ms: number) => void (nowMs += ms) };
  }

  const gap = { connection: 'default', node: '', state: 'gap', reason: 'connection lost' } as const;
  const failed = {
    cache: 'users',
    key: 'user:42',
    durationMs: 1.23456,
    stored: false,
    error: new RangeError('secret'),
  };

  it('has the level of what matters, and not what matters less', () => {
    const { events, lines } = start({ level: 'warn' });
    events.emit('link', gap);
    events.emit('link', { ...gap, state: 'trusted' });
    events.emit('load', failed);
    expect(lines).toEqual([
      'warn link connection="default" state="gap" reason="connection lost"',
      'warn load cache="users" durationMs=1.235 stored=false error=RangeError',
    ]);
    expect(events.listensTo('hit')).toBe(false);
  });

  it('tells everything at verbose, keys only when told to', () => {
    for (const keys of [false, true]) {
      const { events, lines } = start({ level: 'verbose', keys });
      events.emit('hit', { cache: 'users', key: 'user:42', tier: 'l1', stale: false });
      events.emit('invalidation', { cache: 'users', kind: 'tag', target: 'team:7', status: 'applied', durationMs: 1 });
      expect(lines.map((line) => line.split(' ')[0])).toEqual(['verbose', 'log']);
      expect(lines.join()).toContain('tier="l1"');
      expect(/user:42.*team:7/.test(lines.join())).toBe(keys);
      expect(/user:42|team:7/.test(lines.join())).toBe(keys);
    }
  });

  it('takes a sample of what is frequent, and of nothing that matters', () => {
    const { events, lines } = start({ level: 'verbose', sample: 0.4 });
    events.emit('miss', { cache: 'users', key: 'k', reason: 'absent' });
    events.emit('load', failed);
    expect(lines).toHaveLength(1);
    const sampled = start({ level: 'verbose', sample: 0.6 });
    sampled.events.emit('miss', { cache: 'users', key: 'k', reason: 'absent' });
    expect(sampled.lines).toHaveLength(1);
  });

  it('does not flood, and says how much it left out', () => {
    const { events, lines, wait } = start({});
    for (let count = 0; count < 100; count += 1) events.emit('load', failed);
    expect(lines).toHaveLength(20);
    wait(1000);
    events.emit('load', failed);
    expect(lines.at(-1)).toContain('(and 80 more)');
    events.emit('load', failed);
    expect(lines.at(-1)).not.toContain('more)');
  });
});
