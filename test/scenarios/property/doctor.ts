// What Redis is like from here and what to do about it, with the environment of the application:
// node --import ./test/support/typescript.mjs test/scenarios/property/doctor.ts
import 'reflect-metadata';
import { redisCacheConfig } from 'nestjs-rcache/config';
import { examine } from './examination.js';

process.exitCode = await examine(redisCacheConfig(), (line) => {
  console.log(line);
});
