import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { MetricsService, RedisCacheModule } from 'nestjs-rcache';
import { Test } from '@nestjs/testing';
import { promtool } from './support/promtool.js';
import { metricNamesIn, knownMetricNames } from './support/promql.js';
import { Page, ROOT } from './support/pages.js';

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly labels?: { severity: string };
  readonly annotations?: { summary: string; description: string; runbook_url: string };
}

interface AlertTest {
  readonly alert_rule_test?: readonly { alertname: string; exp_alerts: readonly unknown[] }[];
  readonly promql_expr_test?: readonly { expr: string }[];
}

const FOLDER = join(ROOT, 'docker/prometheus');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const { groups } = load(read('docker/prometheus/rcache.rules.yml')) as { groups: { rules: Rule[] }[] };
const { tests } = load(read('docker/prometheus/rcache.test.yml')) as { tests: AlertTest[] };
const rules = groups.flatMap((group) => group.rules);
const alerts = rules.filter((rule) => rule.alert !== undefined);
const alertNames = [...new Set(alerts.map(({ alert }) => alert as string))];

describe('the rules for Prometheus', () => {
  it('are accepted by promtool, and every alert fires and keeps silent as its tests say', async () => {
    await promtool(['check', 'rules', 'rcache.rules.yml'], { folder: FOLDER });
    await promtool(['test', 'rules', 'rcache.test.yml'], { folder: FOLDER });
    await promtool(['check', 'config', 'prometheus.yml'], { folder: FOLDER });
  }, 60_000);

  it('have for each alert a test in which it fires, and one in which it keeps silent', () => {
    const outcomes = tests.flatMap(({ alert_rule_test = [] }) => alert_rule_test);
    const isTested = (name: string, fires: boolean): boolean =>
      outcomes.some(({ alertname, exp_alerts }) => alertname === name && exp_alerts.length > 0 === fires);
    expect(alertNames.length).toBeGreaterThanOrEqual(15);
    expect(alertNames.filter((name) => !isTested(name, true) || !isTested(name, false))).toEqual([]);
  });

  it('name only metrics there are, or that they record', () => {
    const known = [...knownMetricNames(), ...rules.flatMap(({ record }) => record ?? [])];
    const named = rules.flatMap(({ expr }) => metricNamesIn(expr));
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });

  it('say of each alert how bad it is, what happened, and which page helps', () => {
    for (const { alert = '', labels, annotations } of alerts) {
      expect([alert, labels?.severity]).toEqual([alert, expect.stringMatching(/^(info|warning|critical)$/)]);
      expect([alert, annotations?.summary, annotations?.description]).not.toContain(undefined);
      const page = new Page(annotations?.runbook_url ?? '', read(annotations?.runbook_url ?? ''));
      expect(page.codeSpans).toContain(alert);
      expect(page.headings).toEqual([expect.any(String), 'Look', 'Do', 'See also']);
    }
  });

  it('have no runbook for an alert that is gone, and an index of all', () => {
    const used = new Set(alerts.map(({ annotations }) => annotations?.runbook_url));
    const pages = readdirSync(join(ROOT, 'docs/runbooks')).filter((file) => file !== 'README.md');
    expect(pages.map((file) => `docs/runbooks/${file}`).sort()).toEqual([...used].sort());
    const index = new Page('docs/runbooks/README.md', read('docs/runbooks/README.md'));
    expect(index.codeSpans.filter((code) => code.startsWith('Rcache')).sort()).toEqual([...alertNames].sort());
  });
});

describe('what is scraped', () => {
  it('has the names, units and help that promtool asks for', async () => {
    const module = await Test.createTestingModule({
      imports: [RedisCacheModule.forRoot({ connection: false, metrics: { prometheus: false } })],
    }).compile();
    await promtool(['check', 'metrics'], { input: await module.get(MetricsService).exposition() });
    await module.close();
  });
});
