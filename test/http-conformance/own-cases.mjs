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
    ownCase(
      'age-large',
      'A response with an `Age` beyond 31 bits is stale',
      'required',
      given('max-age=3600', ['Age', '2147483649', false]),
      asked,
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
      'authorization-alone',
      'A response to a request with `Authorization` is not reused for `max-age` alone',
      'required',
      { ...given('max-age=3600'), request_headers: [['Authorization', 'Basic YTpi']] },
      asked,
    ),
  ],
};
