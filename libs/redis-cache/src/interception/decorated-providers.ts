import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { CacheEngine } from '../cache/engine.js';
import { InvalidOptionsError } from '../errors.js';
import { CACHE_ENGINE } from '../tokens.js';
import { attachCache, type Class, decorationsOf, ENGINE_PROPERTY } from './decorated-method.js';

/**
 * Looks at every decorated provider and controller once, when the application starts: what is wrong with a decorator is
 * an error then and not at the first call, also on request-scoped classes, and instances that a factory made get the
 * engine that Nest injects into those it makes itself.
 */
@Injectable()
export class DecoratedProviders implements OnModuleInit {
  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(CACHE_ENGINE) private readonly engine: CacheEngine,
  ) {}

  /** @throws InvalidOptionsError for a cache defined twice, and for default keys of two classes with one name */
  onModuleInit(): void {
    const classesWithDefaultKeys = new Map<string, Class>();
    for (const { instance } of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      if (typeof instance !== 'object' || instance === null) continue;
      const decorations = decorationsOf(instance as object);
      if (decorations.length === 0) continue;
      if (!(ENGINE_PROPERTY in instance)) attachCache(instance as object, this.engine);
      const host = (instance as object).constructor as Class;
      for (const { method, bind, usesClassName } of decorations) {
        bind(this.engine, host);
        if (!usesClassName) continue;
        const known = classesWithDefaultKeys.get(host.name) ?? host;
        if (known !== host || host.name === '') {
          throw new InvalidOptionsError(method.subject, [
            `the default key begins with the name of the class, and ${host.name === '' ? 'this one has none' : `there are two classes ${host.name}`}; give a key`,
          ]);
        }
        classesWithDefaultKeys.set(host.name, host);
      }
    }
  }
}
