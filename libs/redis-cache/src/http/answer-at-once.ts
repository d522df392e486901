import type { Type } from '@nestjs/common';
import type { ExternalContextCreator } from '@nestjs/core';

/** The method of an interceptor that may answer a request before anything is set up for those that wait. */
export const ANSWER_AT_ONCE = Symbol.for('nestjs-rcache:answer-at-once');
/** What it gives when it has no answer: then `intercept` is called as ever. */
export const NO_ANSWER = Symbol.for('nestjs-rcache:no-answer');

export interface AnswersAtOnce {
  [ANSWER_AT_ONCE](request: unknown, response: unknown, controller: Type, handler: object): unknown;
}

type Intercept = (
  interceptors: readonly (object & Partial<AnswersAtOnce>)[] | undefined,
  args: readonly unknown[],
  instance: { readonly constructor: Type },
  callback: object,
  next: () => unknown,
  type: string,
) => unknown;

interface Consumer {
  intercept?: Intercept & { [ANSWER_AT_ONCE]?: true };
}

const PARAMETERS = 6;

/**
 * Lets the first interceptor of a route answer at once. What `intercept` gives goes through half a dozen observables,
 * whatever it is, which costs more than a hit. Nest has no other place after the guards, so its method is wrapped, once,
 * for all applications of the process; interceptors without `ANSWER_AT_ONCE` notice nothing. Where Nest has no such
 * method, nothing is changed, and hits are answered by `intercept`.
 */
export function letAnswerAtOnce(contexts: ExternalContextCreator): void {
  const { interceptorsConsumer } = contexts as unknown as { readonly interceptorsConsumer?: object };
  if (interceptorsConsumer === undefined) return;
  const consumer = Object.getPrototypeOf(interceptorsConsumer) as Consumer;
  const { intercept } = consumer;
  if (intercept?.length !== PARAMETERS || intercept[ANSWER_AT_ONCE] === true) return;
  const wrapped: Intercept = function (this: Consumer, interceptors, args, instance, callback, next, type) {
    const first = interceptors?.[0];
    if (type === 'http' && first?.[ANSWER_AT_ONCE] !== undefined) {
      const answer = first[ANSWER_AT_ONCE](args[0], args[1], instance.constructor, callback);
      if (answer !== NO_ANSWER) return answer;
    }
    return intercept.call(this, interceptors, args, instance, callback, next, type);
  };
  consumer.intercept = Object.assign(wrapped, { [ANSWER_AT_ONCE]: true } as const);
}
