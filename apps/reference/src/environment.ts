import 'reflect-metadata';
import { plainToInstance, Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, IsString, Matches, Max, Min, MinLength, validateSync } from 'class-validator';

export const HTTP_ADAPTERS = ['express', 'fastify'] as const;
export type HttpAdapterName = (typeof HTTP_ADAPTERS)[number];

const REQUIRED = { message: '$property must be set' };

/** What the application reads from the environment, or needs there; the library reads its own part. `.env.example` explains each. */
export class Environment {
  @Matches(/^postgres(ql)?:\/\/\S+$/, { message: '$property must look like postgres://user:password@host:5432/name' })
  DATABASE_URL!: string;

  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1000)
  DATABASE_MAX_CONNECTIONS = 10;

  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(65_535)
  PORT = 3000;

  @IsString()
  HOST = '0.0.0.0';

  @IsIn(HTTP_ADAPTERS)
  HTTP_ADAPTER: HttpAdapterName = 'express';

  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(10)
  TRUSTED_PROXIES = 0;

  @IsString()
  CACHE_NAMESPACE = 'app';

  @MinLength(1, REQUIRED)
  SESSION_KEYS!: string;

  @MinLength(1, REQUIRED)
  SESSION_INDEX_KEY!: string;

  @IsOptional()
  @Matches(/^rediss?:\/\/\S+$/, { message: '$property must look like redis://user:password@host:6379' })
  SESSION_REDIS_URL?: string;

  @Type(() => Number)
  @IsInt()
  @Min(1)
  LOGIN_FAILURES_PER_ACCOUNT = 10;

  @Type(() => Number)
  @IsInt()
  @Min(1)
  LOGIN_FAILURES_PER_ADDRESS = 100;

  @IsOptional()
  @MinLength(12)
  ADMIN_PASSWORD?: string;
}

/** @throws Error that lists every wrong variable at once; values are left out, because a URL holds a password. */
export function readEnvironment(raw: Record<string, unknown>): Environment {
  // An empty variable, as in `PORT=`, means that it is not set.
  const set = Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== ''));
  const environment = plainToInstance(Environment, set);
  const problems = validateSync(environment).flatMap(({ constraints }) => Object.values(constraints ?? {}));
  if (problems.length > 0) {
    throw new Error(`Wrong environment:\n${problems.map((problem) => `  - ${problem}`).join('\n')}\nSee .env.example.`);
  }
  return environment;
}
