import type { INestApplication, Type } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import {
  type AdminOptions,
  basicAuth,
  CACHE_ENGINE,
  type CacheEngine,
  RedisCacheModule,
  type RedisCacheModuleOptions,
} from 'nestjs-rcache';
import { AdminService } from '../../libs/redis-cache/src/admin/admin.service.js';
import { ask } from './admin-requests.js';
import { trusted } from './engines.js';
import type { CreateAdapter } from './http-app.js';
import { testRedisUrl, uniqueNamespace } from './servers.js';

export const PASSWORD = 'correct horse battery staple';

/** `ops` may act, `viewer` may look. */
export const USERS = basicAuth({
  ops: { password: PASSWORD, rights: ['read', 'write'] },
  viewer: { password: PASSWORD },
});

export interface AdminAppOptions {
  admin?: boolean | AdminOptions;
  module?: RedisCacheModuleOptions;
  providers?: Type[];
  controllers?: Type[];
  createAdapter?: CreateAdapter;
  /** Called with the app before it listens. */
  prepare?: (app: INestApplication) => void;
}

export interface AdminApp {
  readonly app: INestApplication;
  readonly engine: CacheEngine;
  readonly admin: AdminService;
  readonly url: string;
  ask(path: string, options?: Parameters<typeof ask>[1]): ReturnType<typeof ask>;
}

const started: INestApplication[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((app) => app.close()));
});

/** An app with the admin page, for `ops` and `viewer` unless told otherwise; closed after the test. */
export async function startAdminApp(options: AdminAppOptions = {}): Promise<AdminApp> {
  const { admin = { guards: [USERS] }, module, providers = [], controllers = [], prepare, createAdapter } = options;
  const shared = { connection: { url: testRedisUrl() }, namespace: uniqueNamespace(), startTimeout: '5s' as const };
  const testing = await Test.createTestingModule({
    imports: [RedisCacheModule.forRoot({ ...shared, ...module, admin })],
    providers,
    controllers,
  }).compile();
  const adapter = (createAdapter?.() ?? new ExpressAdapter()) as ExpressAdapter;
  const app = testing.createNestApplication(adapter, { logger: false });
  prepare?.(app);
  started.push(app);
  await app.listen(0, '127.0.0.1');
  const engine = app.get<CacheEngine>(CACHE_ENGINE);
  if (module?.connection === undefined) await trusted(engine);
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  return {
    app,
    engine,
    admin: app.get(AdminService, { strict: false }),
    url,
    ask: (path, given) => ask(`${url}${path}`, given),
  };
}
