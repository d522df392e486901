import { eq } from 'drizzle-orm';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { RedisUnavailableError, SessionService } from 'nestjs-rcache';
import { createApp } from '../apps/reference/src/app.js';
import type { Database } from '../apps/reference/src/database/database.js';
import { users } from '../apps/reference/src/database/schema.js';
import { HTTP_ADAPTERS } from '../apps/reference/src/environment.js';
import { UsersRepository } from '../apps/reference/src/users/users.repository.js';
import { DEMO_PASSWORD } from '../apps/reference/src/seed/seed-database.js';
import { startRedis } from '../scripts/servers.mjs';
import { type Browser, type BrowserResponse, setCookies } from './support/browser.js';
import { eventually } from './support/eventually.js';
import { Client, openReferenceDatabase, peopleOf, type Person, start } from './support/reference-app.js';
import { testRedisUrl } from './support/servers.js';

const NAME = '__Host-session';
const NEW_PASSWORD = 'correct horse battery staple';

let db: Database;
let admin: Person;
let member: Person;
let others: Person[];
let stranger: Person;
/** What the passwords of these people are, for the specs after this one. */
let hashes: { id: number; passwordHash: string }[];

beforeAll(async () => {
  db = await openReferenceDatabase();
  const people = await peopleOf(db, 2);
  [admin, member, others] = [people[0]!, people[4]!, people.slice(5)];
  stranger = (await peopleOf(db, 1))[4]!;
  hashes = await db.select({ id: users.id, passwordHash: users.passwordHash }).from(users).where(eq(users.orgId, 2));
}, 90_000);

async function restorePassword({ id }: Person): Promise<void> {
  const { passwordHash } = hashes.find((each) => each.id === id)!;
  await db.update(users).set({ passwordHash }).where(eq(users.id, id));
}

const isIn = async (browser: Browser): Promise<boolean> => {
  const { status } = await browser.get('/me');
  expect([200, 401]).toContain(status);
  return status === 200;
};
const attempt = (client: Browser, email: string, password: string, headers = {}): Promise<BrowserResponse> =>
  client.post('/auth/login', { email, password }, headers);
const devicesOf = async (browser: Browser): Promise<any[]> => (await browser.get('/me/sessions')).body;
const changePassword = (browser: Browser, currentPassword: string, newPassword: string): Promise<BrowserResponse> =>
  browser.send('PUT', '/auth/password', { currentPassword, newPassword });

/** The same browser with a cookie of its own choice. */
function holding(client: Client, id: string): Browser {
  const browser = new Client(client.app);
  browser.cookies.set(NAME, id);
  return browser;
}

describe.each(HTTP_ADAPTERS)('sessions of the reference application on %s', (adapter) => {
  it('are shared by instances, from login to logout', async () => {
    const [first, second] = await start(adapter, 2);
    const browser = await first.logIn(member);
    const copy = holding(second, browser.cookies.get(NAME)!);
    expect((await browser.at(second.app).get('/me')).body).toMatchObject({ id: member.id, orgId: member.orgId });
    const { status, headers } = await browser.at(second.app).post('/auth/logout');
    expect(status).toBe(204);
    expect(String(headers['set-cookie'])).toMatch(new RegExp(`^${NAME}=; Max-Age=0;`));
    expect(browser.cookies.size).toBe(0);
    expect(await isIn(copy)).toBe(false);
    expect(await isIn(copy.at(first.app))).toBe(false);
  });

  it('live in a cookie that only this host gets, over HTTPS, and no script', async () => {
    const [client] = await start(adapter);
    const { headers, body } = await attempt(client, member.email, DEMO_PASSWORD);
    expect(setCookies({ headers } as BrowserResponse)).toEqual([
      `${NAME}=${client.cookies.get(NAME)}; Path=/; HttpOnly; Secure; SameSite=Lax`,
    ]);
    expect(headers['cache-control']).toBe('no-store');
    expect(body).toEqual({ userId: member.id, orgId: member.orgId });
    const bearer = { authorization: `Bearer ${client.cookies.get(NAME)}` };
    expect((await new Client(client.app).get('/me', bearer)).status).toBe(401);
  });

  it('get a new id at login, whatever id was there before', async () => {
    const [client] = await start(adapter);
    const planted = holding(client, 'B'.repeat(45));
    await attempt(planted, member.email, DEMO_PASSWORD);
    const first = planted.cookies.get(NAME)!;
    expect(first).not.toBe('B'.repeat(45));
    await attempt(planted, others[0]!.email, DEMO_PASSWORD);
    expect(planted.cookies.get(NAME)).not.toBe(first);
    expect((await planted.get('/me')).body.id).toBe(others[0]!.id);
    expect(await isIn(holding(client, first))).toBe(false);
    expect(await isIn(holding(client, 'B'.repeat(45)))).toBe(false);
  });

  it('are listed to their user as devices, who ends them one by one', async () => {
    const [first, second] = await start(adapter, 2);
    const phone = await first.logIn(member, DEMO_PASSWORD, { 'user-agent': 'Phone' });
    const laptop = await second.logIn(member, DEMO_PASSWORD, { 'user-agent': 'Laptop' });
    const foreign = await first.logIn(others[0]!);
    const devices = await devicesOf(laptop);
    expect(devices).toHaveLength(2);
    const [ofPhone, ofLaptop] = ['Phone', 'Laptop'].map((agent) => devices.find((each) => each.userAgent === agent));
    expect(ofLaptop).toMatchObject({ isCurrent: true, ip: expect.stringContaining('127.0.0.1') });
    expect(ofPhone).toMatchObject({ isCurrent: false, handle: expect.stringMatching(/^[\w-]{43}$/) });
    for (const at of ['createdAt', 'lastSeenAt', 'expiresAt']) expect(Date.parse(ofPhone[at])).not.toBeNaN();
    expect(JSON.stringify(devices)).not.toContain(phone.cookies.get(NAME));

    const end = (browser: Browser, handle: string): Promise<BrowserResponse> =>
      browser.send('DELETE', `/me/sessions/${handle}`);
    expect((await end(foreign, ofPhone.handle)).status).toBe(404);
    expect(await isIn(phone)).toBe(true);
    expect((await end(laptop, ofPhone.handle)).status).toBe(204);
    expect(await isIn(phone)).toBe(false);
    expect((await end(laptop, ofPhone.handle)).status).toBe(404);
    expect((await end(laptop, 'x')).status).toBe(400);
    expect((await end(laptop, ofLaptop.handle)).status).toBe(204);
    expect(laptop.cookies.size).toBe(0);
    expect(await devicesOf(await first.logIn(member))).toHaveLength(1);
  });

  it('end everywhere, or everywhere else, in one call and at once on every instance', async () => {
    const [first, second] = await start(adapter, 2);
    const [here, there, elsewhere] = [
      await first.logIn(member),
      await second.logIn(member),
      (await first.logIn(member)).at(second.app),
    ];
    const foreign = await first.logIn(others[0]!);
    expect((await here.send('DELETE', '/me/sessions/others')).body).toEqual({ ended: 2 });
    expect([await isIn(here), await isIn(there), await isIn(elsewhere)]).toEqual([true, false, false]);
    const copy = holding(second, here.cookies.get(NAME)!);
    await second.logIn(member);
    expect((await here.send('DELETE', '/me/sessions')).body).toEqual({ ended: 2 });
    expect(here.cookies.size).toBe(0);
    expect(await isIn(copy)).toBe(false);
    expect(await isIn(foreign)).toBe(true);
  });

  it('of a user are ended by an administrator of the same organisation, and by nobody else', async () => {
    const [first, second] = await start(adapter, 2);
    const [revoking, curious] = [await first.logIn(admin), await first.logIn(others[0]!)];
    const ended = await second.logIn(member);
    const revoke = (browser: Browser, { id }: Person): Promise<BrowserResponse> =>
      browser.send('DELETE', `/users/${id}/sessions`);
    expect((await revoke(curious, member)).status).toBe(403);
    expect((await revoke(curious, others[0]!)).status).toBe(403);
    expect((await revoke(revoking, stranger)).status).toBe(404);
    expect(await isIn(ended)).toBe(true);
    expect((await revoke(revoking, member)).body).toEqual({ ended: 1 });
    expect(await isIn(ended)).toBe(false);
    expect(await isIn(await second.logIn(member))).toBe(true);
  });

  it('are not begun or changed by requests from other sites', async () => {
    const [client] = await start(adapter);
    const crossSite = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
    expect((await attempt(client, member.email, DEMO_PASSWORD, crossSite)).status).toBe(403);
    const browser = await client.logIn(member);
    expect((await browser.send('DELETE', '/me/sessions', undefined, crossSite)).status).toBe(403);
    expect(await isIn(browser)).toBe(true);
  });

  it('leave no address, user or password in Redis that could be read there', async () => {
    const [client] = await start(adapter);
    const browser = await client.logIn(member);
    await attempt(client, member.email, 'wrong');
    const redis = new Redis(testRedisUrl());
    const namespace = process.env.CACHE_NAMESPACE!;
    const held: string[] = [];
    for (const key of await redis.keys(`${namespace}:*`)) {
      // Entries of the cache hold what is cached.
      if (!/^[^:]+:(?:s|su|login):/.test(key)) continue;
      held.push(key, (await redis.dumpBuffer(key)).toString('latin1'));
    }
    redis.disconnect();
    expect(held.filter((text) => text.startsWith(`${namespace}:login:account:`))).toHaveLength(1);
    for (const secret of [member.email, DEMO_PASSWORD, 'wrong', browser.cookies.get(NAME)!]) {
      expect(held.filter((text) => text.includes(secret))).toEqual([]);
    }
  });

  describe('and a new password', () => {
    afterEach(() => restorePassword(member));

    it('needs the old one, and ends all sessions but the present one, which gets a new id', async () => {
      const [first, second] = await start(adapter, 2);
      const [here, there] = [await first.logIn(member), await second.logIn(member)];
      expect((await changePassword(here, 'wrong', NEW_PASSWORD)).status).toBe(403);
      expect((await changePassword(here, DEMO_PASSWORD, 'too short')).body.errors[0].field).toBe('newPassword');
      expect(await isIn(there)).toBe(true);

      const before = here.cookies.get(NAME)!;
      expect((await changePassword(here, DEMO_PASSWORD, NEW_PASSWORD)).status).toBe(204);
      expect(here.cookies.get(NAME)).not.toBe(before);
      expect([await isIn(here), await isIn(there), await isIn(holding(first, before))]).toEqual([true, false, false]);
      expect((await attempt(second, member.email, DEMO_PASSWORD)).status).toBe(401);
      expect(await isIn(await second.logIn(member, NEW_PASSWORD))).toBe(true);
    });

    it('is not taken when the other sessions could not be ended', async () => {
      const [client] = await start(adapter);
      const [here, there] = [await client.logIn(member), await client.logIn(member)];
      const sessions = client.app.get(SessionService);
      sessions.destroyAllOf = () => Promise.reject(new RedisUnavailableError('gone'));
      const answer = await changePassword(here, DEMO_PASSWORD, NEW_PASSWORD);
      expect(answer.status).toBe(503);
      expect(answer.headers['retry-after']).toBe('5');
      expect([await isIn(here), await isIn(there)]).toEqual([true, true]);
      expect((await attempt(client, member.email, NEW_PASSWORD)).status).toBe(401);
      expect(await isIn(await client.logIn(member))).toBe(true);
    });

    it('leaves no session to a login with the old one that was under way', async () => {
      const [first, second] = await start(adapter, 2);
      const here = await first.logIn(member);
      // The login has checked the password, and begins its session when the others have just been ended.
      let begin = (): void => {};
      const mayBegin = new Promise<void>((resolve) => (begin = resolve));
      let isChecked = false;
      const [ofFirst, ofSecond] = [first.app.get(SessionService), second.app.get(SessionService)];
      const create = ofSecond.create.bind(ofSecond);
      const begun = new Promise<void>((resolve) => {
        ofSecond.create = async (...args) => {
          isChecked = true;
          await mayBegin;
          return create(...args);
        };
        const logins = second.app.get(UsersRepository);
        const recordLogin = logins.recordLogin.bind(logins);
        logins.recordLogin = (account) => {
          const recorded = recordLogin(account);
          // It waits for the change, which nothing tells.
          void Promise.race([recorded, sleep(300)]).then(() => {
            resolve();
          });
          return recorded;
        };
      });
      const destroyAllOf = ofFirst.destroyAllOf.bind(ofFirst);
      ofFirst.destroyAllOf = async (...args) => {
        const ended = await destroyAllOf(...args);
        begin();
        await begun;
        return ended;
      };
      const late = attempt(second, member.email, DEMO_PASSWORD);
      await eventually(() => isChecked);
      expect((await changePassword(here, DEMO_PASSWORD, NEW_PASSWORD)).status).toBe(204);
      expect((await late).status).toBe(401);
      expect(second.cookies.size).toBe(0);
      expect(await devicesOf(here)).toHaveLength(1);
    });

    it('is kept at the cost of today once it is used', async () => {
      const [client] = await start(adapter);
      const hashOf = async () =>
        (await db.select({ hash: users.passwordHash }).from(users).where(eq(users.id, member.id)))[0]!.hash;
      const weak = '$scrypt$ln=14,r=8,p=1$+/v7+/v7+/v7+/v7+/v7+w$Pfpml80YBBqgl/X+8xbNw/Yt47fEI7Yczmi1Ru2T3ps';
      await db.update(users).set({ passwordHash: weak }).where(eq(users.id, member.id));
      expect((await attempt(client, member.email, 'wrong')).status).toBe(401);
      expect(await hashOf()).toBe(weak);
      await client.logIn(member);
      expect(await hashOf()).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$/);
      await client.logIn(member);
    });
  });

  describe('and guesses of a password', () => {
    const limits = { LOGIN_FAILURES_PER_ACCOUNT: '3', LOGIN_FAILURES_PER_ADDRESS: '1000' };

    it('make their account wait on every instance, whether there is such an account or not', async () => {
      const [first, second] = await start(adapter, 2, limits);
      const answersTo = async (email: string): Promise<object[]> => {
        const answers: BrowserResponse[] = [];
        for (const client of [first, second, first, second, first]) answers.push(await attempt(client, email, 'wrong'));
        return answers.map(({ status, body, headers }) => ({ status, body, mustWait: 'retry-after' in headers }));
      };
      const answers = await answersTo(member.email);
      expect(answers).toEqual([
        ...Array.from({ length: 3 }, () => ({
          status: 401,
          body: { message: 'Wrong email or password', error: 'Unauthorized', statusCode: 401 },
          mustWait: false,
        })),
        ...Array.from({ length: 2 }, () => ({
          status: 429,
          body: { message: 'Too many attempts', statusCode: 429 },
          mustWait: true,
        })),
      ]);
      expect(await answersTo(member.email.replace('@', '.nobody@'))).toEqual(answers);

      const { status, headers } = await attempt(second, member.email.toUpperCase(), DEMO_PASSWORD);
      expect(status).toBe(429);
      expect(Number(headers['retry-after'])).toBeGreaterThan(800);
      expect(Number(headers['retry-after'])).toBeLessThanOrEqual(900);
      expect(await isIn(await second.logIn(others[0]!))).toBe(true);
    });

    it('make it wait also when they come all at once, before they are looked at', async () => {
      const [first, second] = await start(adapter, 2, limits);
      let looks = 0;
      for (const { app } of [first, second]) {
        const accounts = app.get(UsersRepository);
        const findAccount = accounts.findAccount.bind(accounts);
        accounts.findAccount = (email) => {
          looks += 1;
          return findAccount(email);
        };
      }
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, index) => attempt(index % 2 ? first : second, member.email, 'wrong')),
      );
      expect(looks).toBe(3);
      expect(answers.map(({ status }) => status).sort()).toEqual([
        401,
        401,
        401,
        ...Array.from({ length: 9 }, () => 429),
      ]);
    });

    it('are counted where a password is changed, too; right ones never are', async () => {
      const [client] = await start(adapter, 1, limits);
      for (let login = 0; login < 5; login++) await client.logIn(member);
      const browser = await client.logIn(member);
      for (const status of [403, 403, 403, 429]) {
        expect((await changePassword(browser, 'wrong', NEW_PASSWORD)).status).toBe(status);
      }
      expect(await isIn(browser)).toBe(true);
    });

    it('make their address wait, whatever the account, and keep no account from others', async () => {
      const variables = { LOGIN_FAILURES_PER_ACCOUNT: '3', LOGIN_FAILURES_PER_ADDRESS: '4', TRUSTED_PROXIES: '1' };
      const [client] = await start(adapter, 1, variables);
      const from = (address: string) => ({ 'x-forwarded-for': `198.51.100.1, ${address}` });
      for (const [index, status] of [401, 401, 401, 401, 429, 429, 429, 429].entries()) {
        const { email } = index < 4 ? others[index]! : member;
        expect((await attempt(client, email, 'wrong', from(`2001:db8:1:2::${index}`))).status).toBe(status);
      }
      expect((await attempt(client, member.email, DEMO_PASSWORD, from('2001:db8:1:2::9'))).status).toBe(429);
      expect((await attempt(client, member.email, DEMO_PASSWORD, from('192.0.2.1'))).status).toBe(200);
      expect((await devicesOf(client))[0].ip).toBe('192.0.2.1');
    });

    it('are not hidden by a header that anybody can send', async () => {
      const [client] = await start(adapter, 1, { ...limits, LOGIN_FAILURES_PER_ADDRESS: '2' });
      for (const [index, status] of [401, 401, 429].entries()) {
        const headers = { 'x-forwarded-for': `192.0.2.${index}` };
        expect((await attempt(client, others[index]!.email, 'wrong', headers)).status).toBe(status);
      }
    });
  });

  it('are neither there nor gone while Redis does not answer: 503, and nobody may guess', async () => {
    const redis = await startRedis();
    const [client] = await start(adapter, 1, { REDIS_URL: redis.url });
    const browser = await client.logIn(member);
    await redis.pause();
    const asked: [string, string, object?][] = [
      ['GET', '/me'],
      ['GET', '/me/sessions'],
      ['DELETE', '/me/sessions'],
      ['POST', '/auth/login', { email: member.email, password: DEMO_PASSWORD }],
      ['POST', '/auth/login', { email: member.email, password: 'wrong' }],
    ];
    for (const [method, path, body] of asked) {
      const { status, headers } = await browser.send(method, path, body);
      expect({ path, status, cookie: headers['set-cookie'] }).toEqual({ path, status: 503, cookie: undefined });
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    }
    expect((await client.get('/health/live')).status).toBe(200);
    await redis.resume();
    await eventually(async () => {
      expect((await browser.get('/me')).status).toBe(200);
    });
    await redis.kill();
    const { status, headers } = await browser.post('/auth/logout');
    expect(status).toBe(503);
    expect(setCookies({ headers } as BrowserResponse)).toHaveLength(1);
    expect(browser.cookies.size).toBe(0);
  });

  it('are in its API description with the name of their cookie', async () => {
    const [client] = await start(adapter, 1, { SESSION_COOKIE_NAME: 'sid', SESSION_COOKIE_SECURE: 'false' });
    const { paths, components } = (await client.get('/docs-json')).body;
    expect(components.securitySchemes.cookie).toMatchObject({ in: 'cookie', name: 'sid' });
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining(['/auth/login', '/auth/logout', '/auth/password', '/me/sessions', '/users/{id}/sessions']),
    );
  });
});

describe('the reference application', () => {
  it.each([
    ['without secrets', { SESSION_KEYS: '', SESSION_INDEX_KEY: '' }, /SESSION_KEYS must be set\n.*SESSION_INDEX_KEY/],
    ['without Redis', { REDIS_URL: 'memory' }, /session needs Redis/],
  ])('does not start %s', async (_, variables, problem) => {
    await start('express');
    const before = { ...process.env };
    Object.assign(process.env, variables);
    try {
      await expect(createApp({ logger: false })).rejects.toThrow(problem);
    } finally {
      process.env = before;
    }
  });
});
