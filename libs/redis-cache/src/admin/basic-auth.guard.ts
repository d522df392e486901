import {
  type CanActivate,
  type ExecutionContext,
  HttpException,
  HttpStatus,
  Logger,
  UnauthorizedException,
} from '@nestjs/common';
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { isOptions } from '../arguments.js';
import { InvalidOptionsError } from '../errors.js';
import type { AdminRight } from './admin-options.js';
import { addressOf, type AdminRequest, type AdminResponse } from './admin-request.js';
import { MAX_WRONG, WrongPasswords } from './wrong-passwords.js';

/** Somebody who may come in. */
export interface BasicAuthUser {
  /** At least 12 characters. */
  password: string;
  /** Default `['read']`. */
  rights?: readonly AdminRight[];
}

/** Who sent a request, as far as a guard of ours found out. */
export interface AdminPrincipal {
  readonly name: string;
  readonly rights: readonly AdminRight[];
}

const MIN_PASSWORD = 12;
const RIGHTS: readonly unknown[] = ['read', 'write'];
const principals = new WeakMap<object, AdminPrincipal>();

export function principalOf(request: object): AdminPrincipal | undefined {
  return principals.get(request);
}

/**
 * A guard that asks for a name and a password (RFC 7617), which takes the same time whichever of them is wrong. For HTTPS
 * only: a password is sent with every request. After ten wrong ones within a minute an address gets 429 for the rest of it.
 *
 *     admin: { guards: [basicAuth({ ops: { password: process.env.ADMIN_PASSWORD, rights: ['read', 'write'] } })] }
 *
 * @throws InvalidOptionsError at once when there is no user, or for a name, password or right that cannot be used
 */
export function basicAuth(users: Readonly<Record<string, BasicAuthUser>>): CanActivate {
  const problems = isOptions(users) ? Object.entries(users).flatMap(problemsOf) : ['users must be an object by name.'];
  if (problems.length === 0 && Object.keys(users).length === 0) problems.push('there must be a user.');
  if (problems.length > 0) throw new InvalidOptionsError('basicAuth', problems);
  return new BasicAuthGuard(users);
}

class BasicAuthGuard implements CanActivate {
  /** Of this process: makes texts of one length that nobody can choose. */
  readonly #key = randomBytes(32);
  readonly #wrong = new WrongPasswords();
  readonly #logger = new Logger('RedisCacheModule');
  readonly #users: readonly (AdminPrincipal & { readonly digest: Buffer })[];

  constructor(users: Readonly<Record<string, BasicAuthUser>>) {
    this.#users = Object.entries(users).map(([name, { password, rights = ['read'] }]) => ({
      name,
      rights: [...rights] as readonly AdminRight[],
      digest: this.#digest(`${name}:${password}`),
    }));
  }

  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const request = http.getRequest<AdminRequest>();
    const response = http.getResponse<AdminResponse>();
    const address = addressOf(request);
    const waitMs = this.#wrong.waitMs(address, Date.now());
    // Not even compared: the answer would tell a guesser whether this one was right.
    if (waitMs > 0) {
      response.header('Retry-After', String(Math.ceil(waitMs / 1000)));
      throw new HttpException('Too many wrong passwords.', HttpStatus.TOO_MANY_REQUESTS);
    }
    const digest = this.#digest(credentialsOf(request.headers.authorization));
    let found: AdminPrincipal | undefined;
    // All are compared, so that the time does not tell who there is.
    for (const user of this.#users) if (timingSafeEqual(user.digest, digest)) found = user;
    if (found !== undefined) {
      principals.set(request, found);
      return true;
    }
    // A browser sends none until it is asked.
    if (request.headers.authorization !== undefined && this.#wrong.note(address, Date.now()) === MAX_WRONG) {
      this.#logger.warn(`${JSON.stringify(address)} sent ${MAX_WRONG} wrong passwords for the admin page.`);
    }
    response.header('WWW-Authenticate', 'Basic realm="cache", charset="UTF-8"');
    throw new UnauthorizedException();
  }

  #digest(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text).digest();
  }
}

function credentialsOf(header: string | undefined): string {
  const [, encoded = ''] = /^basic +([A-Za-z0-9+/=]{1,2048})$/i.exec(header ?? '') ?? [];
  return Buffer.from(encoded, 'base64').toString();
}

function problemsOf([name, user]: [string, unknown]): string[] {
  if (name === '' || name.includes(':')) return [`a user is called ${JSON.stringify(name)}; a name has no colon.`];
  if (!isOptions(user)) return [`${name} must be { password, rights }.`];
  const { password, rights = [] } = user as Partial<BasicAuthUser>;
  const problems: string[] = [];
  if (typeof password !== 'string' || password.length < MIN_PASSWORD) {
    problems.push(`the password of ${name} must have at least ${MIN_PASSWORD} characters.`);
  }
  if (!Array.isArray(rights) || !rights.every((right) => RIGHTS.includes(right))) {
    problems.push(`the rights of ${name} must be a list of 'read' and 'write'.`);
  }
  return problems;
}
