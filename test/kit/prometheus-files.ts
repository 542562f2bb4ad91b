/** What Prometheus rules, their tests and Grafana dashboards say about metrics: names, and labels that are asked of them. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

export const RULES_FILE = new URL('../../deploy/prometheus/sallyport.rules.yaml', import.meta.url);
export const RULE_TESTS_FILE = new URL('../../deploy/prometheus/sallyport.test.yaml', import.meta.url);
export const DASHBOARD_FILE = new URL('../../deploy/grafana/sallyport.json', import.meta.url);

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export function alertRules(): AlertRule[] {
  const { groups } = parse(readFileSync(RULES_FILE, 'utf8')) as { groups: { rules: AlertRule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/** Series and names of alerts that promtool is given. */
export function ruleTests(): { readonly series: string[]; readonly raised: string[]; readonly silent: string[] } {
  const { tests } = parse(readFileSync(RULE_TESTS_FILE, 'utf8')) as {
    tests: {
      input_series: { series: string }[];
      alert_rule_test: { alertname: string; exp_alerts: unknown[] }[];
    }[];
  };
  const checks = tests.flatMap(({ alert_rule_test }) => alert_rule_test);
  return {
    series: tests.flatMap(({ input_series }) => input_series.map(({ series }) => series)),
    raised: checks.filter(({ exp_alerts }) => exp_alerts.length > 0).map(({ alertname }) => alertname),
    silent: checks.filter(({ exp_alerts }) => exp_alerts.length === 0).map(({ alertname }) => alertname),
  };
}

/** Every `expr` of a dashboard, wherever it stands. */
export function dashboardExpressions(): string[] {
  const found: string[] = [];
  JSON.parse(readFileSync(DASHBOARD_FILE, 'utf8'), (key, value: unknown) => {
    if (key === 'expr' && typeof value === 'string') found.push(value);
    return value;
  });
  return found;
}

export interface MetricUse {
  readonly metric: string;
  /** In the selector behind it. */
  readonly labels: readonly string[];
}

/** Metrics of ours in an expression. */
export function metricUses(expression: string): MetricUse[] {
  return [...expression.matchAll(/\b(sallyport_\w+)(?:\{([^}]*)\})?/g)].map(([, metric = '', selector = '']) => ({
    metric,
    labels: [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = '']) => label),
  }));
}

/** Labels that an expression groups by. */
export function groupedBy(expression: string): string[] {
  return [...expression.matchAll(/\bby\s*\(([^)]*)\)/g)].flatMap(([, labels = '']) =>
    labels.split(',').map((label) => label.trim()),
  );
}
