import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { METRICS_PAGE, renderMetricsPage } from '../../scripts/metrics.ts';
import { ALERTS, runbookOf } from '../../src/app/observability/alert-catalogue.ts';
import { kindOf, METRIC_NAMES, type MetricName } from '../../src/app/observability/metrics/metric-table.ts';
import {
  alertRules,
  dashboardExpressions,
  groupedBy,
  metricUses,
  RULES_FILE,
  ruleTests,
} from '../kit/prometheus-files.ts';

const ROOT = new URL('../../', import.meta.url);
/** Given by Prometheus, or by the form of a histogram. */
const ALWAYS = ['instance', 'job', 'le'];

function metricOf(name: string): MetricName | undefined {
  const base = name.replace(/_(bucket|sum|count)$/, '') as MetricName;
  if (METRIC_NAMES.includes(name as MetricName)) return name as MetricName;
  return METRIC_NAMES.includes(base) && kindOf(base).type === 'histogram' ? base : undefined;
}

/** What an expression says that no metric has. */
function strangersIn(expression: string): string[] {
  const known = new Set(ALWAYS);
  const strangers: string[] = [];
  for (const { metric, labels } of metricUses(expression)) {
    const name = metricOf(metric);
    if (name === undefined) {
      strangers.push(metric);
      continue;
    }
    for (const label of kindOf(name).labels) known.add(label);
    for (const label of labels) {
      if (!ALWAYS.includes(label) && !kindOf(name).labels.includes(label)) strangers.push(`${metric}{${label}}`);
    }
  }
  for (const label of groupedBy(expression)) if (!known.has(label)) strangers.push(`by (${label})`);
  return strangers;
}

describe('docs/metrics.md', () => {
  it('is what scripts/metrics.ts writes', () => {
    const page = readFileSync(METRICS_PAGE, 'utf8');
    assert.ok(page === renderMetricsPage(page), 'docs/metrics.md is out of date: run node scripts/metrics.ts');
  });
});

describe('the Prometheus rules', () => {
  it('are the alerts of the catalogue, with their severity, their summary and their runbook', () => {
    assert.deepEqual(
      alertRules().map(({ alert, labels, annotations }) => [
        alert,
        labels['severity'],
        annotations['summary'],
        annotations['runbook'],
      ]),
      ALERTS.map(({ name, severity, summary }) => [name, severity, summary, `docs/${runbookOf(name)}`]),
    );
  });

  it('use metrics and labels that exist, and so do their tests', () => {
    assert.deepEqual([...alertRules().map(({ expr }) => expr), ...ruleTests().series].flatMap(strangersIn), []);
  });

  it('have a test that raises each of them, and one that does not', () => {
    const { raised, silent } = ruleTests();
    for (const { name } of ALERTS) {
      assert.ok(raised.includes(name), `nothing raises ${name}`);
      assert.ok(silent.includes(name), `nothing leaves ${name} silent`);
    }
  });

  it('lead to runbooks that are there', {
    skip: existsSync(new URL('docs/runbooks', ROOT)) ? false : 'there are none',
  }, () => {
    for (const { annotations } of alertRules()) {
      const runbook = annotations['runbook'] ?? 'none';
      assert.ok(existsSync(new URL(runbook, ROOT)), runbook);
    }
  });

  it('say how they are loaded', () => assert.match(readFileSync(RULES_FILE, 'utf8'), /rule_files/));
});

describe('the Grafana dashboard', () => {
  it('uses metrics and labels that exist', () => {
    const expressions = dashboardExpressions();
    assert.ok(expressions.length > 50, `${expressions.length}`);
    assert.deepEqual(expressions.flatMap(strangersIn), []);
    for (const expression of expressions) assert.match(expression, /instance=~"\$instance"/, expression);
  });

  it('shows most of what there is', () => {
    const shown = new Set(
      dashboardExpressions().flatMap((text) => metricUses(text).map(({ metric }) => metricOf(metric))),
    );
    assert.ok(shown.size > METRIC_NAMES.length / 2, `${shown.size} of ${METRIC_NAMES.length}`);
  });
});

it('a metric or label that does not exist is found', () => {
  assert.deepEqual(strangersIn('sum by (nobody) (rate(sallyport_bans{author="x"}[5m])) + sallyport_nothing'), [
    'sallyport_bans{author}',
    'sallyport_nothing',
    'by (nobody)',
  ]);
});
