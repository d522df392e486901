/** What holds for every cached route of an application: the option `http` of the module. */
export interface HttpCacheModuleOptions {
  /** Which routes the interceptor caches where it is bound globally: those with `@HttpCache` (`'declared'`), or `'all'` but
   * those with `@NoHttpCache`. Default `'declared'`. */
  routes?: 'declared' | 'all';
  /** Request headers that say who asks, besides `CREDENTIAL_HEADERS`. Default: none. */
  credentialHeaders?: readonly string[];
  /** When a handler reads, for a response to be shared, what the key does not tell: `'throw'` an `UnkeyedReadError`, or
   * `'skip'` storing the response. Default `'throw'`, or `'skip'` where `NODE_ENV` is `production`. */
  unkeyedReads?: 'throw' | 'skip';
  /** Whether the `Cache-Control` of a request is obeyed: `no-cache`, `max-age`, `only-if-cached` and so on. Then
   * any client can make the handler run. Default `false`. */
  requestDirectives?: boolean;
  /** Whether responses carry `Cache-Status` (RFC 9211). Default `true`. */
  cacheStatus?: boolean;
  /** Whether tags are groups (RFC 9875): responses carry theirs as `Cache-Groups` for the caches in front, and what the
   * response to an unsafe request names in `Cache-Group-Invalidation` drops tags. Default `false`. */
  cacheGroups?: boolean;
}
