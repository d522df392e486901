import type { CallHandler, Type } from '@nestjs/common';
import type { ExternalContextCreator } from '@nestjs/core';
import { defer, isObservable, mergeMap, of, type Observable } from 'rxjs';

/** The method of an interceptor that may answer a request without observables around it. */
export const ANSWER_AT_ONCE = Symbol.for('nestjs-rcache:answer-at-once');
/** What it gives when it leaves the request to `intercept`, which is then called as ever. */
export const NO_ANSWER = Symbol.for('nestjs-rcache:no-answer');

/** What it gives when it has nothing to do with the request: the others go on without it. */
export const NOT_MINE = Symbol.for('nestjs-rcache:not-mine');

export interface AnswersAtOnce {
  /** The payload of the response, or a promise of it. `next` runs the other interceptors and the handler. */
  [ANSWER_AT_ONCE](request: unknown, response: unknown, controller: Type, handler: object, next: CallHandler): unknown;
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
 * Lets the first interceptor of a route answer without observables. What `intercept` gives goes through half a dozen of
 * them, whatever it is, which costs more than a hit. Nest has no other place after the guards, so its method is wrapped,
 * once, for all applications of the process; interceptors without `ANSWER_AT_ONCE` notice nothing. Where Nest has no such
 * method, nothing is changed, and `intercept` answers.
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
      const others = (): unknown => intercept.call(this, interceptors?.slice(1), args, instance, callback, next, type);
      const rest = { handle: () => defer(async () => others()).pipe(mergeMap(asObservable)) };
      const answer = first[ANSWER_AT_ONCE](args[0], args[1], instance.constructor, callback, rest);
      if (answer === NOT_MINE) return others();
      if (answer !== NO_ANSWER) return answer;
    }
    return intercept.call(this, interceptors, args, instance, callback, next, type);
  };
  consumer.intercept = Object.assign(wrapped, { [ANSWER_AT_ONCE]: true } as const);
}

/** The handler alone gives what it likes; interceptors give an observable. */
function asObservable(value: unknown): Observable<unknown> {
  return isObservable(value) ? value : of(value);
}
