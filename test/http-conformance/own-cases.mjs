// @ts-check
/** What RFC 9111 and RFC 5861 say and the package has no case for, in its format. */

const ETAG = ['ETag', '"own"'];

/**
 * @param {string} id
 * @param {string} name
 * @param {'required' | 'optimal'} kind
 * @param {...object} requests
 */
function ownCase(id, name, kind, ...requests) {
  return { id: `own-${id}`, name, kind, requests };
}

/**
 * A first request whose response is what the case is about.
 * @param {string} cacheControl
 * @param {...(readonly unknown[])} headers
 */
function given(cacheControl, ...headers) {
  return { response_headers: [['Cache-Control', cacheControl], ...headers], setup: true };
}

/** @param {object} request */
function thenWait(request) {
  return { ...request, pause_after: true };
}

const reused = { expected_type: 'cached' };
const asked = { expected_type: 'not_cached' };

export const ownSuite = {
  id: 'own',
  name: 'Own cases',
  tests: [
    ownCase(
      'swr',
      'A stale response is reused within `stale-while-revalidate`',
      'optimal',
      thenWait(given('max-age=1, stale-while-revalidate=3600', ETAG)),
      reused,
    ),
    ownCase(
      'swr-refreshes',
      'A stale response that is reused within `stale-while-revalidate` is replaced for the next request',
      'required',
      thenWait(given('max-age=1, stale-while-revalidate=3600')),
      { ...thenWait(given('max-age=3600')), ...reused },
      { expected_response_headers: [['Client-Request-Count', '2']] },
    ),
    ownCase(
      'swr-over',
      'A stale response is not reused past `stale-while-revalidate`',
      'required',
      thenWait(given('max-age=1, stale-while-revalidate=1')),
      asked,
    ),
    ownCase(
      'swr-refused',
      'A stale response is not reused once the one in its place must not be reused either',
      'required',
      thenWait(given('max-age=1, stale-while-revalidate=3600', ETAG)),
      { ...thenWait({ response_headers: [['Cache-Control', 'no-cache', false]] }), setup: true },
      { expected_response_headers: [['Client-Request-Count', '3']] },
    ),
    ownCase(
      'swr-must-revalidate',
      '`must-revalidate` forbids a stale response even within `stale-while-revalidate`',
      'required',
      thenWait(given('max-age=1, stale-while-revalidate=3600, must-revalidate')),
      asked,
    ),
    ownCase(
      'sie',
      'A stale response is reused within `stale-if-error` when the server answers 503',
      'optimal',
      thenWait(given('max-age=1, stale-if-error=3600')),
      { response_status: [503, 'Service Unavailable'], expected_status: 200, ...reused },
    ),
    ownCase(
      'sie-closed',
      'A stale response is reused within `stale-if-error` when the server closes the connection',
      'optimal',
      thenWait(given('max-age=1, stale-if-error=3600')),
      { disconnect: true, ...reused },
    ),
    ownCase(
      'sie-over',
      'A stale response is not reused past `stale-if-error`',
      'required',
      thenWait(given('max-age=1, stale-if-error=1')),
      { response_status: [503, 'Service Unavailable'], expected_status: 503, ...asked },
    ),
    ownCase(
      'sie-client-error',
      'A stale response is not reused within `stale-if-error` when the server answers 404',
      'required',
      thenWait(given('max-age=1, stale-if-error=3600')),
      { response_status: [404, 'Not Found'], expected_status: 404, ...asked },
    ),
    ...['2147483647', '2147483648', '2147483649'].map((age) =>
      ownCase(
        `age-${age}`,
        `A response with an \`Age\` of ${age} is stale`,
        'required',
        given('max-age=3600', ['Age', age, false]),
        asked,
      ),
    ),
    ownCase(
      'max-age-over',
      'A response is not reused past its `max-age`',
      'required',
      thenWait(given('max-age=1')),
      asked,
    ),
    ownCase(
      'date-with-expires',
      'A response that is reused keeps its `Date` next to its `Expires`',
      'required',
      thenWait({
        response_headers: [
          ['Expires', 3600],
          ['Date', 0],
        ],
        setup: true,
      }),
      { ...reused, expected_response_headers: [['Date', 0]] },
    ),
    ownCase('s-maxage-0', '`s-maxage=0` is before `max-age`', 'required', given('max-age=3600, s-maxage=0'), asked),
    ownCase(
      'invalidates-patch',
      'A successful PATCH drops the stored response',
      'required',
      given('max-age=3600'),
      { request_method: 'PATCH', request_body: 'abc', setup: true },
      asked,
    ),
    ownCase(
      'invalidates-variants',
      'A successful POST drops all variants of the stored response',
      'required',
      { ...given('max-age=3600', ['Vary', 'Foo']), request_headers: [['Foo', '1']] },
      { request_method: 'POST', request_body: 'abc', setup: true },
      { ...asked, request_headers: [['Foo', '1']] },
    ),
    ownCase(
      'vary-grows',
      'A response that varies by more than the first one did is not reused for what that did not tell',
      'required',
      { ...given('max-age=3600', ['Vary', 'Foo']), request_headers: [['Foo', '1']] },
      {
        ...given('max-age=3600', ['Vary', 'Foo, Bar', false]),
        ...asked,
        request_headers: [
          ['Foo', '2'],
          ['Bar', '1'],
        ],
      },
      {
        ...asked,
        request_headers: [
          ['Foo', '2'],
          ['Bar', '2'],
        ],
      },
    ),
    ownCase(
      'vary-grows-reused',
      'Once it is known that responses vary by more, they are reused',
      'optimal',
      { ...given('max-age=3600', ['Vary', 'Foo']), request_headers: [['Foo', '1']] },
      {
        ...given('max-age=3600', ['Vary', 'Foo, Bar', false]),
        request_headers: [
          ['Foo', '2'],
          ['Bar', '1'],
        ],
      },
      {
        ...given('max-age=3600', ['Vary', 'Foo, Bar', false]),
        request_headers: [
          ['Foo', '2'],
          ['Bar', '1'],
        ],
      },
      {
        ...reused,
        request_headers: [
          ['Foo', '2'],
          ['Bar', '1'],
        ],
      },
    ),
    ownCase(
      'must-understand',
      '`must-understand` lifts `no-store` where the status is understood',
      'optimal',
      given('max-age=3600, no-store, must-understand'),
      reused,
    ),
    ownCase(
      'must-understand-unknown',
      '`must-understand` does not lift `no-store` where the status is not understood',
      'required',
      { ...given('max-age=3600, no-store, must-understand'), response_status: [299, 'Whatever'] },
      asked,
    ),
    ownCase('head', 'HEAD is answered from what GET stored', 'optimal', given('max-age=3600', ETAG), {
      request_method: 'HEAD',
      check_body: false,
      ...reused,
    }),
    ownCase(
      'if-none-match-any',
      '`If-None-Match: *` is answered 304 from any fresh response',
      'optimal',
      given('max-age=3600', ETAG),
      { request_headers: [['If-None-Match', '*']], expected_status: 304, ...reused },
    ),
    ownCase(
      'if-modified-since-asctime',
      '`If-Modified-Since` in the form of asctime is understood',
      'optimal',
      given('max-age=3600', ['Last-Modified', 'Sun, 06 Nov 1994 08:49:37 GMT']),
      { request_headers: [['If-Modified-Since', 'Sun Nov  6 08:49:37 1994']], expected_status: 304, ...reused },
    ),
    ownCase(
      'if-modified-since-date',
      'The `Date` of a response stands in for its `Last-Modified`',
      'optimal',
      given('max-age=3600', ['Date', -10]),
      { request_headers: [['If-Modified-Since', 0]], magic_ims: true, expected_status: 304, ...reused },
    ),
    ownCase(
      'validated-again',
      'A stale response that its server says still holds is reused again',
      'optimal',
      thenWait(given('max-age=1', ETAG)),
      {
        expected_type: 'etag_validated',
        response_headers: [['Cache-Control', 'max-age=3600', false], ETAG],
        setup: true,
      },
      reused,
    ),
    ownCase(
      'authorization-alone',
      'A response to a request with `Authorization` is not reused for `max-age` alone',
      'required',
      { ...given('max-age=3600'), request_headers: [['Authorization', 'Basic YTpi']] },
      asked,
    ),
  ],
};
