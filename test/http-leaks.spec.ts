import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Header,
  type INestApplication,
  Param,
  Query,
  Req,
  Res,
  StreamableFile,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { HttpCache } from '../libs/redis-cache/src/http/http-cache.decorator.js';
import { HttpCacheInterceptor } from '../libs/redis-cache/src/http/http-cache.interceptor.js';
import type { HttpRequest } from '../libs/redis-cache/src/http/http-message.js';
import { type Answer, ADAPTERS, startHttpApp } from './support/http-app.js';

const REQUESTS = 10_000;
const AT_A_TIME = 50;
const USERS = ['alice', 'bob', 'carol'];
const ANYBODY = 'anybody';

type AppRequest = HttpRequest & { user?: { id: string } };
interface Response {
  header(name: string, value: string): unknown;
}

/** Knows a user by a token, a cookie or a key; some requests have all of them. */
class AnyCredentialGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const incoming = context.switchToHttp().getRequest<AppRequest>();
    const { authorization, cookie, 'x-api-key': key, 'x-session': session } = incoming.headers;
    const id = authorization?.split(' ')[1] ?? cookie?.split('=')[1] ?? key ?? session;
    if (id !== undefined) incoming.user = { id: String(id) };
    return true;
  }
}

/** Whatever an answer says that belongs to one user only; `for` marks it. */
function personal(incoming: AppRequest, response: Response): { for: string } {
  const id = incoming.user?.id ?? ANYBODY;
  response.header('X-For', id);
  return { for: id };
}

const mine = ({ user }: AppRequest) => user?.id;

@Controller()
@UseGuards(AnyCredentialGuard)
@UseInterceptors(HttpCacheInterceptor)
@HttpCache({ ttl: '1m', headers: ['X-For'], staleWhileRevalidate: '1m' })
class LeakyController {
  /** Caches whatever it may: the routes of the trap behind are as careless as can be. */
  @Get('me')
  me(@Req() incoming: AppRequest, @Res({ passthrough: true }) response: Response) {
    return personal(incoming, response);
  }

  @Get('me/:page')
  page(@Req() incoming: AppRequest, @Res({ passthrough: true }) response: Response, @Param('page') page: string) {
    return { ...personal(incoming, response), page };
  }

  @Get('mine')
  @HttpCache({ scope: mine })
  mine(@Req() incoming: AppRequest, @Res({ passthrough: true }) response: Response) {
    return personal(incoming, response);
  }

  @Get('mine/file')
  @HttpCache({ scope: mine })
  file(@Req() incoming: AppRequest, @Res({ passthrough: true }) response: Response) {
    return new StreamableFile(Buffer.from(JSON.stringify(personal(incoming, response))));
  }

  @Get('public-trap')
  @HttpCache({ scope: 'public' })
  publicTrap(@Req() incoming: AppRequest, @Res({ passthrough: true }) response: Response) {
    return personal(incoming, response);
  }

  @Get('cookie')
  @HttpCache({ scope: 'public' })
  cookie(@Req() incoming: AppRequest, @Res({ passthrough: true }) response: Response) {
    const answer = personal(incoming, response);
    response.header('Set-Cookie', `for=${answer.for}`);
    return answer;
  }

  @Get('gateway')
  @HttpCache({ scope: 'response' })
  @Header('Cache-Control', 'max-age=60')
  gateway(@Req() incoming: AppRequest, @Res({ passthrough: true }) response: Response) {
    return personal(incoming, response);
  }

  @Get('private')
  @Header('Cache-Control', 'private, max-age=60')
  @HttpCache({ scope: 'public' })
  private(@Req() incoming: AppRequest, @Res({ passthrough: true }) response: Response) {
    return personal(incoming, response);
  }

  @Get('search')
  @HttpCache({ scope: 'public', query: ['q'] })
  search(@Query('q') q: string | undefined, @Query('user') user: string | undefined) {
    return { for: user ?? ANYBODY, q };
  }

  @Get('links')
  @HttpCache({ scope: 'public' })
  links(@Req() { protocol, hostname, headers }: AppRequest) {
    return { for: ANYBODY, link: `${protocol}://${hostname} ${headers.host}` };
  }
}

const PATHS = [
  '/me',
  '//me',
  '/me/',
  '/ME',
  '/me?x=1',
  '/me/x.css',
  '/me%2fx.css',
  '/me/%2e%2e/me',
  '/me;x=1',
  '/m%65',
  '/me/a%2Fb',
  '/mine',
  '/mine/',
  '/mine/file',
  '/mine?cb=1',
  '/public-trap',
  '/cookie',
  '/gateway',
  '/private',
  '/search?q=1',
  '/search?q=1&user=bob',
  '/search?user=alice&q=1',
  '/search?q=1&q=2',
  '/search?q[a]=1',
  '/links',
];
const CREDENTIALS = [
  (user: string) => ({ authorization: `Bearer ${user}` }),
  (user: string) => ({ cookie: `session=${user}` }),
  (user: string) => ({ 'x-api-key': user }),
  (user: string) => ({ 'x-session': user }),
  (user: string) => ({ authorization: `Bearer ${user}`, cookie: `session=${user}` }),
];
const EXTRAS: Record<string, string>[] = [
  {},
  { range: 'bytes=0-5' },
  { 'x-forwarded-for': '10.0.0.1' },
  { 'x-forwarded-host': 'evil.example' },
  { 'x-forwarded-proto': 'https' },
  { host: 'evil.example' },
  { host: 'shop.example:8080' },
  { 'cache-control': 'no-cache' },
  { 'cache-control': 'only-if-cached' },
  { 'cache-control': 'max-stale' },
  { 'if-none-match': '*' },
  { 'accept-language': 'de' },
  { 'x-original-url': '/mine' },
  { 'x-http-method-override': 'POST' },
];

/** The same numbers for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Probe {
  user: string;
  path: string;
  method: string;
  headers: Record<string, string>;
}

function probeOf(random: () => number): Probe {
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const user = one([...USERS, ANYBODY]);
  const credentials = user === ANYBODY ? {} : one(CREDENTIALS)(user);
  return {
    user,
    path: one(PATHS),
    method: random() < 0.15 ? 'HEAD' : 'GET',
    headers: { ...credentials, ...one(EXTRAS), ...one(EXTRAS) },
  };
}

/** What in an answer is not for the one who asked. */
function foreign({ user, path }: Probe, { headers, text, status }: Answer): string[] {
  const others = USERS.filter((each) => each !== user && !path.includes(each));
  const said = `${text} ${headers['x-for'] as string} ${String(headers['set-cookie'])}`;
  const found = others.filter((other) => said.includes(other));
  // A user who gets what was made for nobody in particular has been mistaken for somebody else, too.
  const isPersonal = /^\/+(?:me|mine|public-trap|cookie|private)\b/i.test(path) && status === 200;
  if (isPersonal && headers['x-for'] !== user) found.push(`answer for ${String(headers['x-for'])}`);
  return found;
}

describe.each(ADAPTERS)('three users on %s', (_name, createAdapter) => {
  it(`never get anything of each other in ${REQUESTS} random requests`, async () => {
    const { ask, engine } = await startHttpApp(createAdapter, {
      controllers: [LeakyController],
      http: { credentialHeaders: ['X-Session'], unkeyedReads: 'skip', requestDirectives: true },
      prepare: (app: INestApplication) => {
        app.getHttpAdapter().getInstance().set?.('trust proxy', true);
      },
    });
    const seed = Date.now() % 2 ** 31;
    const random = randomNumbers(seed);
    const leaks: unknown[] = [];
    let hits = 0;
    for (let sent = 0; sent < REQUESTS; sent += AT_A_TIME) {
      const probes = Array.from({ length: AT_A_TIME }, () => probeOf(random));
      await Promise.all(
        probes.map(async (probe) => {
          const answer = await ask(probe.path, probe.headers, probe.method);
          if (answer.cache.includes('hit')) hits += 1;
          const found = foreign(probe, answer);
          if (found.length > 0) leaks.push({ seed, probe, found, text: answer.text, headers: answer.headers });
          if (answer.text.includes('evil') && !JSON.stringify(probe.headers).includes('evil'))
            leaks.push({ seed, probe });
        }),
      );
      // Some entries go now and then, so that there are misses to the end.
      if (random() < 0.1) await engine.defaultCache.clearNamespace();
    }
    expect(leaks.slice(0, 3)).toEqual([]);
    expect(hits).toBeGreaterThan(REQUESTS / 20);
  }, 120_000);
});
