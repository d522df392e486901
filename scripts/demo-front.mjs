// @ts-check
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Agent, createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { createProxyServer } from 'httpxy';

/** @typedef {import('node:http').IncomingMessage} IncomingMessage */
/** @typedef {import('node:http').ServerResponse<IncomingMessage>} ServerResponse */

/**
 * An instance of the application behind the address.
 * @typedef {object} Instance
 * @property {string} name
 * @property {string} url
 * @property {boolean} [isAside] asked only by name, and only for what changes nothing: its cache is off, so that its writes
 *   would tell nobody
 */

/** Names the instance that is to answer; without it they take turns. */
export const WANTED_INSTANCE = 'x-demo-instance';
/** Names the one that did. */
const ANSWERED_BY = 'x-demo-answered-by';
/** Of what switches failures: a script of another site cannot send it without being asked about first. */
const CONTROL_HEADER = 'x-demo-control';

const MAX_BODY_BYTES = 1_024;
const SAFE_METHODS = ['GET', 'HEAD'];

const ADMIN_PAGE = new URL('../libs/redis-cache/page/', import.meta.url);
const DEMO_PAGE = new URL('../apps/demo-page/', import.meta.url);
const HTML = 'text/html; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';
const SCRIPTS = ['app.js', 'dom.js', 'failures.js', 'lanes.js', 'page.js', 'plot.js', 'revocation.js'];

/** What makes up the page, by path. @type {Map<string, { file: URL, type: string }>} */
const FILES = new Map([
  ['/', { file: new URL('page.html', DEMO_PAGE), type: HTML }],
  ['/demo/page.css', { file: new URL('page.css', DEMO_PAGE), type: STYLE }],
  ['/demo/uplot.css', { file: new URL('uplot.css', ADMIN_PAGE), type: STYLE }],
  ['/demo/uplot.js', { file: new URL('uplot.js', ADMIN_PAGE), type: SCRIPT }],
  // Where the import of the page's own dom.js leads.
  ['/libs/redis-cache/page/dom.js', { file: new URL('dom.js', ADMIN_PAGE), type: SCRIPT }],
]);
for (const name of SCRIPTS) FILES.set(`/demo/${name}`, { file: new URL(name, DEMO_PAGE), type: SCRIPT });

const PAGE_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/**
 * The one address of the demo, on the loopback interface: its page at `/`, what switches failures under `/demo/`, and
 * everything else passed on to the instances in turns.
 *
 * @param {object} options
 * @param {number} options.port
 * @param {Instance[]} options.instances
 * @param {import('./demo-failures.mjs').Failures} options.failures
 * @returns {Promise<{ url: string, stop: () => Promise<void> }>}
 */
export async function startFront({ port, instances, failures }) {
  const agent = new Agent({ keepAlive: true });
  const proxy = createProxyServer({ agent, xfwd: true });
  const sharing = instances.filter(({ isAside }) => !isAside);
  let turn = 0;

  proxy.on('error', (error, _request, response) => {
    if (!response || !('writeHead' in response)) return void response?.destroy();
    if (response.headersSent) return void response.destroy();
    answer(response, 502, { message: `The instance did not answer: ${error.message}` });
  });

  /** @param {IncomingMessage} request @param {ServerResponse} response */
  async function passOn(request, response) {
    const wanted = request.headers[WANTED_INSTANCE];
    const instance =
      wanted === undefined
        ? sharing[(turn = (turn + 1) % sharing.length)]
        : instances.find(({ name }) => name === wanted);
    if (!instance) return answer(response, 404, { message: `There is no instance ${String(wanted)}.` });
    if (instance.isAside && !SAFE_METHODS.includes(request.method ?? '')) {
      return answer(response, 405, { message: `${instance.name} is for reading only.` });
    }
    response.setHeader(ANSWERED_BY, instance.name);
    await proxy.web(request, response, { target: instance.url });
  }

  /** @param {IncomingMessage} request @param {ServerResponse} response */
  async function control(request, response) {
    // A name of another site may lead here, too.
    if (!isLocal(request)) return answer(response, 403, { message: 'Ask for localhost.' });
    if (request.method === 'GET' && request.url === '/demo/state') {
      return answer(response, 200, { instances, failures: failures.state() });
    }
    const [, name] = /^\/demo\/failures\/([a-z-]+)$/.exec(request.url ?? '') ?? [];
    if (request.method !== 'POST' || name === undefined) return answer(response, 404, { message: 'Not found.' });
    if (!isOwn(request)) return answer(response, 403, { message: 'This request came from another site.' });
    const isOn = await readSwitch(request);
    if (isOn === undefined) return answer(response, 400, { message: 'The body must be {"isOn":true} or false.' });
    if (!(await failures.switch(name, isOn))) return answer(response, 404, { message: `There is no failure ${name}.` });
    return answer(response, 200, { failures: failures.state() });
  }

  const server = createServer((request, response) => {
    const file = SAFE_METHODS.includes(request.method ?? '') ? FILES.get(request.url ?? '') : undefined;
    const work = file
      ? send(response, file)
      : request.url?.startsWith('/demo/')
        ? control(request, response)
        : passOn(request, response);
    work.catch((error) => {
      if (response.headersSent) response.destroy();
      else answer(response, 500, { message: String(error) });
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: given } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://localhost:${given}`,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await closed;
    },
  };
}

/** @param {ServerResponse} response @param {{ file: URL, type: string }} file */
async function send(response, { file, type }) {
  response.writeHead(200, { ...PAGE_HEADERS, 'Content-Type': type }).end(await readFile(file));
}

/** @param {ServerResponse} response @param {number} status @param {object} body */
function answer(response, status, body) {
  const headers = {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  };
  response.writeHead(status, headers).end(JSON.stringify(body));
}

/** @param {IncomingMessage} request */
function isLocal({ headers: { host = '' } }) {
  return /^(localhost|127\.0\.0\.1):\d+$/.test(host);
}

/** @param {IncomingMessage} request */
function isOwn({ headers }) {
  const { origin, host, 'sec-fetch-site': site } = headers;
  if (headers[CONTROL_HEADER] === undefined) return false;
  if (site !== undefined) return site === 'same-origin';
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}

/** @param {IncomingMessage} request */
async function readSwitch(request) {
  if (Number(request.headers['content-length'] ?? MAX_BODY_BYTES + 1) > MAX_BODY_BYTES) return undefined;
  try {
    const { isOn } = JSON.parse(await text(request));
    return typeof isOn === 'boolean' ? isOn : undefined;
  } catch {
    return undefined;
  }
}
