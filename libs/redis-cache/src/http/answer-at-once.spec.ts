import type { CallHandler } from '@nestjs/common';
import type { ExternalContextCreator } from '@nestjs/core';
import { lastValueFrom, of } from 'rxjs';
import { ANSWER_AT_ONCE, letAnswerAtOnce, NO_ANSWER, NOT_MINE } from './answer-at-once.js';

class Consumer {
  async intercept(
    interceptors: unknown,
    args: unknown,
    instance: object,
    callback: object,
    next: object,
    type: string,
  ) {
    if (Array.isArray(interceptors) && interceptors[0] === 'observable') return of('first', 'last');
    return ['by intercept', interceptors, args, instance, callback, next, type];
  }
}

class OtherConsumer {
  intercept(interceptors: unknown): unknown {
    return interceptors;
  }
}

class ItemsController {
  list(): void {}
}

const contextsOf = (interceptorsConsumer: unknown) => ({ interceptorsConsumer }) as unknown as ExternalContextCreator;
const controller = new ItemsController();
const list = controller.list;
const next = (): void => {};

describe('an interceptor that answers at once', () => {
  const consumer = new Consumer();
  const seen: unknown[][] = [];
  const answering = (answer: unknown) => ({
    [ANSWER_AT_ONCE]: (...args: unknown[]) => {
      seen.push(args);
      return answer;
    },
  });
  const intercept = (interceptors: unknown, type = 'http') =>
    consumer.intercept(interceptors, ['request', 'response'], controller, list, next, type);

  const rest = (type = 'http') => [['request', 'response'], controller, list, next, type];

  beforeAll(() => {
    letAnswerAtOnce(contextsOf(consumer));
  });
  beforeEach(() => {
    seen.length = 0;
  });

  it.each([['payload'], [undefined], [null]])('is all there is: %j', async (answer) => {
    expect(await intercept([answering(answer), answering('second')])).toBe(answer);
    expect(seen).toEqual([['request', 'response', ItemsController, list, { handle: expect.any(Function) }]]);
  });

  it.each([
    ['has none', [answering(NO_ANSWER)], 'http'],
    ['is not the first', [{}, answering('payload')], 'http'],
    ['is asked of anything but HTTP', [answering('payload')], 'rpc'],
    ['is not there', [], 'http'],
    ['is not there at all', undefined, 'http'],
  ])('leaves all to the others when it %s', async (_what, interceptors, type) => {
    expect(await intercept(interceptors, type)).toEqual(['by intercept', interceptors, ...rest(type)]);
  });

  it('runs the others and the handler by its own handle', async () => {
    const passing = {
      [ANSWER_AT_ONCE]: (...args: [unknown, unknown, unknown, unknown, CallHandler]) => lastValueFrom(args[4].handle()),
    };
    const others = [{}];
    expect(await intercept([passing, ...others])).toEqual(['by intercept', others, ...rest()]);
    expect(await intercept([passing, 'observable'])).toBe('last');
  });

  it('lets the others go on without it where a request is nothing to it', async () => {
    expect(await intercept([answering(NOT_MINE), 'second'])).toEqual(['by intercept', ['second'], ...rest()]);
    expect(await intercept([answering(NOT_MINE)])).toEqual(['by intercept', [], ...rest()]);
  });

  it('is let in once, however many applications there are', () => {
    const once = Reflect.get(Consumer.prototype, 'intercept');
    letAnswerAtOnce(contextsOf(new Consumer()));
    expect(Reflect.get(Consumer.prototype, 'intercept')).toBe(once);
  });

  it.each([undefined, {}, new OtherConsumer()])('is not let in where Nest is another one: %j', (other) => {
    const before = Reflect.get(OtherConsumer.prototype, 'intercept');
    letAnswerAtOnce(contextsOf(other));
    expect(Reflect.get(OtherConsumer.prototype, 'intercept')).toBe(before);
    expect(Reflect.get(Object.prototype, 'intercept')).toBeUndefined();
  });
});
