/**
 * Injection tokens of what has no class of its own. `Symbol.for`, so that two copies of this package in one
 * node_modules tree still mean the same engine.
 */
export const CACHE_ENGINE = Symbol.for('nestjs-rcache:engine');
export const HTTP_CACHE_OPTIONS = Symbol.for('nestjs-rcache:http-cache-options');
/** The name of the connection that holds sessions, or `undefined`. */
export const SESSION_CONNECTION = Symbol.for('nestjs-rcache:session-connection');
export const ADMIN_OPTIONS = Symbol.for('nestjs-rcache:admin-options');
/** What the admin page shows of sessions, or `undefined`. */
export const ADMIN_SESSIONS = Symbol.for('nestjs-rcache:admin-sessions');
export const ALERTS_OPTIONS = Symbol.for('nestjs-rcache:alerts-options');
export const METRICS_OPTIONS = Symbol.for('nestjs-rcache:metrics-options');
