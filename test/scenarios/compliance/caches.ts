import { defineCache } from 'nestjs-rcache';
import type { Product } from './products.service.js';
import type { Rule } from './rules.service.js';

export const tagOf = { category: (category: string) => `category:${category}` };

/**
 * 1 h: a requirement changes a few times a year, and that evicts the rules of its category. The argument tells the tag, so
 * that storing needs no second look, and the warm-up works from the first moment.
 */
export const ruleCache = defineCache<[product: Product], Rule[]>({
  name: 'rules',
  key: ({ id }) => [id],
  tags: ({ category }) => [tagOf.category(category)],
  ttl: '1h',
});

/** 30 min: granting and revoking evict it, so this bounds only what somebody does to the table by hand. */
export const permissionCache = defineCache({ name: 'permissions', key: (userId: number) => [userId], ttl: '30m' });

/** 1 h: renaming evicts it. */
export const productCache = defineCache({ name: 'products', key: (id: number) => [id], ttl: '1h' });
