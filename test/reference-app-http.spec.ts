import { sql } from 'drizzle-orm';
import { ComplianceService } from '../apps/reference/src/compliance/compliance.service.js';
import { selectRows, type Database } from '../apps/reference/src/database/database.js';
import { HTTP_ADAPTERS } from '../apps/reference/src/environment.js';
import { OrganisationsService } from '../apps/reference/src/rules/organisations.service.js';
import { RulesRepository } from '../apps/reference/src/rules/rules.repository.js';
import { startFaultProxy } from './lab/fault-proxy.mjs';
import type { Browser, BrowserResponse } from './support/browser.js';
import { eventually } from './support/eventually.js';
import {
  type Client,
  openReferenceDatabase,
  peopleOf,
  type Person,
  start,
  statementsOf,
  warm,
} from './support/reference-app.js';
import { testRedisUrl } from './support/servers.js';

const ORG = 2;
const RULES = `/orgs/${ORG}/rules`;
const RULE = `${RULES}/AC-1`;
const DAY_MS = 24 * 60 * 60 * 1000;

let db: Database;
let admin: Person;
let member: Person;
let colleague: Person;
/** Administers another organisation. */
let stranger: Person;
let product: number;
let COMPLIANCE: string;

beforeAll(async () => {
  db = await openReferenceDatabase();
  const people = await peopleOf(db, ORG);
  [admin, member, colleague] = [people[1]!, people[10]!, people[11]!];
  stranger = (await peopleOf(db, 1))[1]!;
  const [first] = await selectRows<{ id: number }>(db, sql`select min(id) as id from products where org_id = ${ORG}`);
  product = first!.id;
  COMPLIANCE = `/products/${product}/compliance`;
}, 60_000);

afterEach(() => {
  jest.restoreAllMocks();
});

/** As behind one name: the host is part of the key, and our instances differ by their ports. */
const ask = (browser: Browser, path: string, headers: Record<string, string> = {}): Promise<BrowserResponse> =>
  browser.get(path, { host: 'complydesk.example', ...headers });

const paths = (): string[] => [RULES, `${RULES}?baseline=LOW`, RULE, COMPLIANCE];
const statusOf = ({ headers }: BrowserResponse): string => String(headers['cache-status']);
const etagOf = ({ headers }: BrowserResponse): Record<string, string> => ({ 'if-none-match': String(headers.etag) });
const decide = (browser: Browser, note: string): Promise<BrowserResponse> =>
  browser.send('PUT', RULE, { applicable: true, note });

/** Counts how often the handlers of all cached routes begin from now on. */
function watch({ app }: Client): { runs(): number } {
  const calls = [
    jest.spyOn(app.get(OrganisationsService), 'findOwn'),
    jest.spyOn(app.get(ComplianceService, { strict: false }), 'productIn'),
  ];
  for (const spy of calls) spy.mockClear();
  return { runs: () => calls.reduce((sum, { mock }) => sum + mock.calls.length, 0) };
}

/** Accepts a document that counts from today on, for the first control that lacks one. */
async function addEvidence(browser: Browser): Promise<void> {
  const { body } = await browser.post(`/products/${product}/validate`);
  const { controlId } = body.findings.find(({ passed }: { passed: boolean }) => !passed);
  const issuedOn = new Date().toISOString().slice(0, 10);
  for (const kind of ['policy', 'procedure', 'record']) {
    const document = { kind, status: 'accepted', title: 'Review', issuedOn, expiresOn: '2999-01-01' };
    expect((await browser.send('PUT', `/products/${product}/evidence/${controlId}`, document)).status).toBe(200);
  }
}

describe.each(HTTP_ADAPTERS)('responses of the reference application on %s', (adapter) => {
  it('are shared by the people of an organisation, on every instance, without their handler', async () => {
    const [first, second] = await start(adapter, 2);
    await Promise.all([warm(first), warm(second)]);
    const [filling, sharing] = [await first.logIn(member), (await first.logIn(colleague)).at(second.app)];
    const filled: BrowserResponse[] = [];
    for (const path of paths()) filled.push(await ask(filling, path));
    // Has the guard know what the colleague may do.
    await sharing.get(`/users/${colleague.id}/permissions`);
    const handlers = watch(second);
    const shared: BrowserResponse[] = [];
    const statements = await statementsOf(second, async () => {
      for (const path of paths()) shared.push(await ask(sharing, path));
    });
    expect({ statements, runs: handlers.runs() }).toEqual({ statements: 0, runs: 0 });
    for (const [index, { status, headers, body }] of filled.entries()) {
      expect({ status, body }).toEqual({ status: 200, body: shared[index]!.body });
      expect(shared[index]!.headers['content-type']).toBe(headers['content-type']);
      expect(statusOf(filled[index]!)).toContain('stored');
      expect(statusOf(shared[index]!)).toMatch(/^rcache; hit/);
    }
    await ask(sharing, `/orgs/${ORG}/rules/AC-2`);
    expect(handlers.runs()).toBe(1);
  });

  it('are confirmed to a browser that has them, until they change', async () => {
    const [client] = await start(adapter);
    const browser = await client.logIn(admin);
    for (const path of paths()) {
      const before = await ask(browser, path);
      expect(before.headers['cache-control']).toBe('private, no-cache');
      // Those of Express are weak.
      expect(before.headers.etag).toMatch(/^"/);
      const handlers = watch(client);
      const confirmed = await ask(browser, path, etagOf(before));
      expect({ status: confirmed.status, body: confirmed.body, runs: handlers.runs() }).toEqual({
        status: 304,
        body: '',
        runs: 0,
      });
      expect(confirmed.headers.etag).toBe(before.headers.etag);
    }
    const before = await ask(browser, RULE);
    await decide(browser, `${adapter}, changed`);
    const after = await ask(browser, RULE, etagOf(before));
    expect(after).toMatchObject({ status: 200, body: { note: `${adapter}, changed` } });
    expect(after.headers.etag).not.toBe(before.headers.etag);
  });

  it('are never given to another organisation, nor to nobody', async () => {
    const [client] = await start(adapter);
    const [own, foreign] = [await client.logIn(member), await client.logIn(stranger)];
    for (const path of paths()) {
      const filled = await ask(own, path);
      expect(statusOf(await ask(own, path))).toMatch(/^rcache; hit/);
      for (const headers of [{}, etagOf(filled), { 'if-none-match': '*' }, { range: 'bytes=0-9' }]) {
        expect((await ask(foreign, path, headers)).status).toBe(404);
        expect((await ask(client, path, headers)).status).toBe(401);
      }
      expect(statusOf(await ask(own, path))).toMatch(/^rcache; hit/);
    }
  });

  it('are refused to who lost the permission, though they are there', async () => {
    const [first, second] = await start(adapter, 2);
    const [changing, asking] = [await first.logIn(admin), (await first.logIn(member)).at(second.app)];
    const [role] = await selectRows<{ id: number; permissions: string[] }>(
      db,
      sql`select r.id, array_agg(p.permission) as permissions from roles r join role_permissions p on p.role_id = r.id
           where r.org_id = ${ORG} and r.name = 'Member' group by r.id`,
    );
    const change = (permissions: string[]) => changing.send('PATCH', `/roles/${role!.id}`, { permissions });
    const etags: Record<string, string>[] = [];
    for (const path of paths()) etags.push(etagOf(await ask(asking, path)));
    try {
      expect((await change([])).status).toBe(200);
      for (const [index, path] of paths().entries()) {
        expect((await ask(asking, path)).status).toBe(403);
        expect((await ask(asking, path, etags[index])).status).toBe(403);
        expect(statusOf(await ask(changing.at(second.app), path))).toMatch(/^rcache; hit/);
      }
    } finally {
      expect((await change(role!.permissions)).status).toBe(200);
    }
    for (const path of paths()) expect(statusOf(await ask(asking, path))).toMatch(/^rcache; hit/);
  });

  it('follow a rule that was decided on another instance', async () => {
    const [first, second] = await start(adapter, 2);
    const [deciding, reading] = [await first.logIn(admin), (await first.logIn(member)).at(second.app)];
    const noteIn = async (browser: Browser, path: string) => {
      const { body } = await ask(browser, path);
      return (Array.isArray(body) ? body.find(({ controlId }) => controlId === 'AC-1') : body).note;
    };
    for (const note of ['first', 'second'].map((text) => `${adapter}, ${text}`)) {
      expect((await decide(deciding, note)).body.note).toBe(note);
      for (const path of [RULES, RULE]) {
        expect(await noteIn(deciding, path)).toBe(note);
        await eventually(async () => (await noteIn(reading, path)) === note);
      }
      const judged = await ask(reading, COMPLIANCE);
      await deciding.send('PUT', RULE, { applicable: false, note });
      await eventually(async () => (await ask(reading, COMPLIANCE)).headers.etag !== judged.headers.etag);
    }
  });

  it('follow the baseline that was chosen on another instance', async () => {
    const [first, second] = await start(adapter, 2);
    const [choosing, reading] = [await first.logIn(admin), (await first.logIn(member)).at(second.app)];
    const choose = (baseline: string) => choosing.send('PUT', `/orgs/${ORG}/baseline`, { baseline });
    const before = (await choosing.get(`/orgs/${ORG}`)).body.baseline as string;
    const countOf = async (browser: Browser) => (await ask(browser, RULES)).body.length as number;
    try {
      for (const baseline of ['LOW', 'HIGH']) {
        const expected = (await ask(choosing, `${RULES}?baseline=${baseline}`)).body.length as number;
        expect((await choose(baseline)).body).toMatchObject({ id: ORG, baseline });
        expect(await countOf(choosing)).toBe(expected);
        await eventually(async () => (await countOf(reading)) === expected);
        expect((await reading.get(`/orgs/${ORG}`)).body.baseline).toBe(baseline);
      }
      expect((await choose('NONE')).status).toBe(400);
      expect((await reading.send('PUT', `/orgs/${ORG}/baseline`, { baseline: 'LOW' })).status).toBe(403);
      expect((await choosing.get('/orgs/1')).status).toBe(404);
    } finally {
      await choose(before);
    }
  });

  it('do not outlive what an instance that has yet to hear of a change made them of', async () => {
    const [first] = await start(adapter);
    const proxy = await startFaultProxy({ targetPort: Number(new URL(testRedisUrl()).port) });
    const [second] = await start(adapter, 1, { REDIS_URL: proxy.url, CACHE_NAMESPACE: process.env.CACHE_NAMESPACE });
    try {
      const [deciding, reading] = [await first.logIn(admin), (await first.logIn(member)).at(second.app)];
      const rules = second.app.get(RulesRepository);
      // The second read leaves a copy in memory.
      for (let read = 0; read < 2; read++) await rules.list(ORG, 'LOW');
      proxy.apply({ type: 'black-hole' }, ['link']);
      const note = `${adapter}, unheard`;
      await decide(deciding, note);
      const noteFor = async (browser: Browser) => {
        const { body } = await ask(browser, `${RULES}?baseline=LOW`);
        return body.find(({ controlId }: { controlId: string }) => controlId === 'AC-1').note;
      };
      await noteFor(reading);
      expect(await noteFor(deciding)).toBe(note);
      await eventually(async () => (await noteFor(reading)) === note);
    } finally {
      await proxy.stop();
    }
  });

  it('follow evidence that was added on another instance', async () => {
    const [first, second] = await start(adapter, 2);
    const [adding, reading] = [await first.logIn(admin), (await first.logIn(member)).at(second.app)];
    const scoreFor = async (browser: Browser) => (await ask(browser, COMPLIANCE)).body.score as number;
    const before = await scoreFor(reading);
    expect(await scoreFor(adding)).toBe(before);
    await addEvidence(adding);
    expect(await scoreFor(adding)).toBeGreaterThan(before);
    await eventually(async () => (await scoreFor(reading)) > before);
  });

  it('about today are not given tomorrow', async () => {
    const [client] = await start(adapter);
    const browser = await client.logIn(member);
    const before = await ask(browser, COMPLIANCE);
    expect(statusOf(await ask(browser, COMPLIANCE))).toMatch(/^rcache; hit/);
    const today = Date.now;
    jest.spyOn(Date, 'now').mockImplementation(() => today() + DAY_MS);
    const tomorrow = await client.logIn(member);
    const after = await ask(tomorrow, COMPLIANCE, etagOf(before));
    expect(after.status).toBe(200);
    expect(statusOf(after)).toContain('fwd=uri-miss');
  });

  it('for unknown parameters are refused, stored or not', async () => {
    const [client] = await start(adapter);
    const browser = await client.logIn(member);
    await ask(browser, RULES);
    expect((await ask(browser, `${RULES}?page=2`)).status).toBe(400);
    expect((await ask(browser, `${RULES}?baseline=NONE`)).status).toBe(400);
    await ask(browser, COMPLIANCE);
    expect(statusOf(await ask(browser, `${COMPLIANCE}?page=2`))).toMatch(/^rcache; hit/);
  });
});
