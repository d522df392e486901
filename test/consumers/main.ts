// The program of an application that uses the packed library. It is compiled and run once per template of this folder.
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CacheService, RedisCacheModule } from 'nestjs-rcache';

@Injectable()
class Greetings {
  loads = 0;

  constructor(private readonly cache: CacheService) {}

  greet(name: string): Promise<string> {
    const load = async (): Promise<string> => {
      this.loads += 1;
      return `Hello, ${name}`;
    };
    return this.cache.getOrSet(`greeting:${name}`, load, { ttl: '1m' });
  }
}

const connection = { url: process.env.REDIS_URL };
const namespace = process.env.CACHE_NAMESPACE;

@Module({ imports: [RedisCacheModule.forRoot({ connection, namespace })], providers: [Greetings] })
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'], abortOnError: false });
  const greetings = app.get(Greetings);
  const answers = [await greetings.greet('Ada'), await greetings.greet('Ada')];
  await app.close();
  const outcome = `${answers.join(' | ')}, loads: ${greetings.loads}`;
  if (outcome !== 'Hello, Ada | Hello, Ada, loads: 1') throw new Error(`The cache answered: ${outcome}`);
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
