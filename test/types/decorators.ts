/**
 * What the decorators accept and refuse, checked by `npm run typecheck`: a line below `@ts-expect-error` that compiles
 * is an error. Nothing here runs.
 */
import { defineCache } from '../../libs/redis-cache/src/cache/definition.js';
import { CacheDefaults } from '../../libs/redis-cache/src/interception/cache-defaults.decorator.js';
import { CacheEvict } from '../../libs/redis-cache/src/interception/cache-evict.decorator.js';
import { CachePut } from '../../libs/redis-cache/src/interception/cache-put.decorator.js';
import { Cacheable } from '../../libs/redis-cache/src/interception/cacheable.decorator.js';

interface User {
  id: number;
  groupId: string;
}
interface FindDto {
  id: number;
}

const user: User = { id: 1, groupId: 'a' };
const users = defineCache({ name: 'users', key: (id: number) => ['user', id] });
const typedUsers = defineCache<[id: number], User>({
  name: 'typed-users',
  key: (id) => ['user', id],
  tagsOf: (value) => [value.groupId],
});

@CacheDefaults({ cache: 'users', ttl: '1h', tags: ['all'] })
export class Accepted {
  @Cacheable()
  async byDefault(_id: number) {
    return user;
  }

  @Cacheable({ key: (id: number) => ['user', id], tags: (id: number) => [`user:${id}`], ttl: '1h', grace: '1m' })
  async byKey(_id: number, _locale?: string) {
    return user;
  }

  @Cacheable({ key: (id: number | string) => ['user', id], tags: ['static'] })
  async widerParameter(_id: number) {
    return user;
  }

  @Cacheable({
    key: (id: number, locale = 'en') => [id, locale],
    tagsOf: (value: User) => [value.groupId],
    ttl: (value: User, id: number) => value.id + id,
    condition: (id: number) => id > 0,
    unless: (value: { groupId: string }) => value.groupId === '',
    bypass: () => false,
    consistency: 'strong',
  })
  async everything(_id: number, _locale?: string): Promise<User> {
    return user;
  }

  @Cacheable(users)
  async byDefinition(_id: number) {
    return user;
  }

  @Cacheable(typedUsers)
  async byTypedDefinition(_id: number) {
    return user;
  }

  @Cacheable({ cache: typedUsers, args: (dto: FindDto) => [dto.id], ttl: '5m' })
  async byMappedArgs(_dto: FindDto) {
    return user;
  }

  @Cacheable({ key: (kind: 'a' | 'b') => kind })
  async generic<Kind extends 'a' | 'b'>(_kind: Kind): Promise<Kind[]> {
    return [];
  }

  @CachePut({ cache: users, argsOf: (value: User) => [value.id] })
  @CacheEvict({ tagsOf: (value: User, group: string) => [value.groupId, group] })
  async create(_group: string): Promise<User> {
    return user;
  }

  @CacheEvict({ cache: users, key: (dto: FindDto) => users.key(dto.id), strict: true })
  async update(_dto: FindDto): Promise<void> {}

  @CacheEvict({ cache: users, args: (dto: FindDto) => [dto.id] })
  async updateByArgs(_dto: FindDto): Promise<void> {}

  @CacheEvict(users)
  async remove(_id: number): Promise<void> {}

  @CacheEvict({ cache: 'users', all: true, when: 'before' })
  async clear() {}
}

export class Refused {
  // @ts-expect-error the parameter is text, the key wants a number
  @Cacheable({ key: (id: number) => ['user', id] })
  async otherType(_id: string) {
    return user;
  }

  // @ts-expect-error the method has no second parameter
  @Cacheable({ key: (id: number, locale: string) => [id, locale] })
  async missingParameter(_id: number) {
    return user;
  }

  // @ts-expect-error a caller may leave locale out, the key does not expect that
  @Cacheable({ key: (id: number, locale: string) => [id, locale] })
  async optionalParameter(_id: number, _locale?: string) {
    return user;
  }

  // @ts-expect-error shorthand methods are checked as strictly
  @Cacheable({
    key(id: 1 | 2) {
      return ['user', id];
    },
  })
  async narrowerParameter(_id: number) {
    return user;
  }

  // @ts-expect-error tags want text
  @Cacheable({ key: (id: number) => id.toFixed(), tags: (id: string) => [id] })
  async tags(_id: number) {
    return user;
  }

  // @ts-expect-error the result has no name
  @Cacheable({ tagsOf: (value: { name: string }) => [value.name] })
  async tagsOf(_id: number) {
    return user;
  }

  // @ts-expect-error the result has no name
  @Cacheable({ unless: (value: { name: string }) => value.name === '' })
  async unless(_id: number) {
    return user;
  }

  // @ts-expect-error the result has no name
  @Cacheable({ ttl: (value: { name: string }) => value.name.length })
  async ttl(_id: number) {
    return user;
  }

  // @ts-expect-error not asynchronous
  @Cacheable()
  synchronous(_id: number) {
    return user;
  }

  // @ts-expect-error a generator
  @Cacheable()
  async *generator() {
    yield user;
  }

  // @ts-expect-error the definition wants a number
  @Cacheable(users)
  async definitionOfOtherArgs(_id: string) {
    return user;
  }

  // @ts-expect-error the definition holds users
  @Cacheable(typedUsers)
  async definitionOfOtherValues(_id: number) {
    return 'user';
  }

  // @ts-expect-error the definition wants a number
  @Cacheable({ cache: users, args: (dto: { id: string }) => [dto.id] })
  async mappedToOtherArgs(_dto: { id: string }) {
    return user;
  }

  // @ts-expect-error args are those of a definition
  @Cacheable({ args: (id: number) => [id] })
  async argsWithoutDefinition(_id: number) {
    return user;
  }

  // @ts-expect-error the definition makes the key
  @Cacheable({ cache: users, key: (id: number) => [id] })
  async keyBesidesDefinition(_id: number) {
    return user;
  }

  // @ts-expect-error the option is called ttl
  @Cacheable({ tll: '1h' })
  async unknownOption(_id: number) {
    return user;
  }

  // @ts-expect-error not a duration
  @Cacheable({ ttl: '1 fortnight' })
  async unknownDuration(_id: number) {
    return user;
  }

  // @ts-expect-error a key is text or a list
  @Cacheable({ key: (id: number) => id })
  async notAKey(_id: number) {
    return user;
  }

  // @ts-expect-error the result is a user
  @CachePut({ keyOf: (value: string) => value })
  async put(): Promise<User> {
    return user;
  }

  // @ts-expect-error the definition wants a number
  @CachePut({ cache: users, argsOf: (value: User) => [value.groupId] })
  async putOtherArgs(): Promise<User> {
    return user;
  }

  // @ts-expect-error evictions have no ttl
  @CacheEvict({ all: true, ttl: '1h' })
  async evictWithTtl() {}

  // @ts-expect-error the result is nothing
  @CacheEvict({ tagsOf: (value: User) => [value.groupId] })
  async evictByMissingResult(): Promise<void> {}

  // @ts-expect-error the definition wants a number
  @CacheEvict(users)
  async evictByOtherArgs(_id: string) {}

  // @ts-expect-error a property
  @Cacheable()
  property = user;

  // @ts-expect-error an accessor
  @Cacheable()
  get accessor() {
    return user;
  }
}
