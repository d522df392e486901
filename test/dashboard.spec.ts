import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { dashboard, dashboardText, ROWS } from '../scripts/dashboard.mjs';
import { ROOT } from './support/pages.js';
import { knownMetricNames, metricNamesIn } from './support/promql.js';
import { promtool } from './support/promtool.js';

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const panels = ROWS.flatMap((row) => row.panels);
const expressions = panels.flatMap(({ queries }) => queries.map(({ expr }) => expr));

/** As Grafana would send it. */
function sent(expression: string): string {
  return expression.replaceAll('$__rate_interval', '1m').replace(/\$(?:job|instance|cache)\b/g, '.+');
}

describe('the dashboard', () => {
  it('is what the code makes; npm run generate writes it', () => {
    expect(read('docker/grafana/dashboards/rcache.json')).toBe(dashboardText());
  });

  it('has queries that Prometheus can parse', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rcache-queries-'));
    try {
      const rules = expressions.map((expr, index) => ({ record: `query:${index}`, expr: sent(expr) }));
      // JSON is YAML, too.
      writeFileSync(join(folder, 'queries.yml'), JSON.stringify({ groups: [{ name: 'queries', rules }] }));
      await promtool(['check', 'rules', 'queries.yml'], { folder });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('asks for metrics there are, or that the rules record', () => {
    const { groups } = load(read('docker/prometheus/rcache.rules.yml')) as {
      groups: { rules: { record?: string }[] }[];
    };
    const recorded = groups.flatMap(({ rules }) => rules.flatMap(({ record }) => record ?? []));
    const known = [...knownMetricNames(), ...recorded];
    const asked = expressions.flatMap(metricNamesIn);
    expect(asked.length).toBeGreaterThanOrEqual(panels.length);
    expect(asked.filter((name) => !known.includes(name))).toEqual([]);
  });

  // The rules of grafana/dashboard-linter, which needs a newer Go than Debian has.
  it('shows 25 panels, each with a title of its own, a description and a unit', () => {
    expect(panels).toHaveLength(25);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(25);
    for (const { title, description, unit } of panels) {
      expect([title, description]).toEqual([title, expect.stringMatching(/^[A-Z].*\.$/)]);
      expect([title, unit]).toEqual([title, expect.stringMatching(/./)]);
    }
  });

  it('selects by job in every query, by instance too unless the series is recorded, and never fixes an interval', () => {
    for (const expr of expressions) {
      const selectors = expr.match(/\b(?:cache:)?rcache_\w+(?::\w+)?(?:\{[^}]*\})?/g) ?? [];
      for (const selector of selectors) {
        expect(selector).toContain('job=~"$job"');
        if (!selector.startsWith('cache:')) expect(selector).toContain('instance=~"$instance"');
      }
      expect(expr.match(/\[[^\]]*\]/g) ?? []).toEqual((expr.match(/\[/g) ?? []).map(() => '[$__rate_interval]'));
    }
  });

  it('lets one choose data source, job, instance and cache, and asks for them anew when the time range changes', () => {
    const { templating, editable, panels: laidOut } = dashboard();
    expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'job', 'instance', 'cache']);
    for (const variable of templating.list) if ('refresh' in variable) expect(variable.refresh).toBe(2);
    expect(editable).toBe(false);
    const ids = laidOut.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { gridPos } of laidOut) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  });
});

interface Service {
  readonly image?: string;
  readonly build?: { dockerfile: string };
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Record<string, unknown>;
  readonly environment?: Record<string, string>;
}

describe('the stack of docker/', () => {
  const compose = load(read('docker/compose.yml')) as { services: Record<string, Service & { '<<'?: Service }> };
  // Merging belongs to YAML 1.1, which Compose still reads.
  const services = Object.fromEntries(
    Object.entries(compose.services).map(([name, { '<<': base, ...own }]): [string, Service] => [
      name,
      { ...base, ...own },
    ]),
  );

  it('has two instances of the app, and all they are watched with', () => {
    expect(Object.keys(services).sort()).toEqual(
      ['alertmanager', 'app-1', 'app-2', 'grafana', 'postgres', 'prometheus', 'redis', 'seed', 'sessions'].sort(),
    );
  });

  it('pins images, publishes on this machine only, mounts what exists, and holds no secret', () => {
    for (const [name, { image, build, ports = [], volumes = [], depends_on = {}, environment = {} }] of Object.entries(
      services,
    )) {
      expect([name, image ?? build?.dockerfile]).toEqual([name, expect.stringMatching(/:v?\d|^docker\/Dockerfile$/)]);
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
      for (const volume of volumes) {
        const [from = '', , mode] = volume.split(':');
        expect(() => readFileSync(join(ROOT, 'docker', from))).toThrow(/EISDIR/);
        expect(mode).toBe('ro');
      }
      for (const other of Object.keys(depends_on)) expect(services).toHaveProperty(other);
      for (const [variable, value] of Object.entries(environment)) {
        if (/KEY/.test(variable)) expect(value).toMatch(/^\$\{/);
      }
    }
  });

  it('scrapes both instances and sends alerts to the Alertmanager that is there', () => {
    const config = read('docker/prometheus/prometheus.yml');
    for (const service of ['app-1:3000', 'app-2:3000', 'alertmanager:9093']) expect(config).toContain(service);
    expect(read('docker/grafana/provisioning/datasources/prometheus.yml')).toContain('http://prometheus:9090');
    expect(() => load(read('docker/alertmanager/alertmanager.yml'))).not.toThrow();
  });
});
