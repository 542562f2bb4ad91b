/**
 * Events and metrics as OTLP has them in JSON: names in lowerCamelCase, enumerations as numbers, and whole numbers of 64 bits as
 * decimal texts.
 */
import type { GatewayEvent } from '../../../base/events.ts';
import { EVENT_LEVELS, type LogLevel } from '../../event-level.ts';
import { eventSentence } from '../../event-sentence.ts';
import type { MetricPoint } from '../metrics/metric-store.ts';
import { kindOf, type MetricName, type MetricUnit } from '../metrics/metric-table.ts';

/** `SeverityNumber` of the data model. */
const SEVERITIES: Readonly<Record<LogLevel, number>> = { debug: 5, info: 9, warn: 13, error: 17 };
const CUMULATIVE = 2;
/** As UCUM writes them. */
const UNITS: Readonly<Record<MetricUnit, string>> = {
  seconds: 's',
  bytes: 'By',
  ratio: '1',
  timestamp: 's',
  number: '1',
};
/** Attributes that OpenTelemetry has names for; the others are ours. */
const KNOWN_ATTRIBUTES: Readonly<Record<string, string>> = {
  address: 'client.address',
  port: 'client.port',
  username: 'user.name',
};

export type AnyValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly doubleValue: number }
  | { readonly arrayValue: { readonly values: readonly AnyValue[] } }
  | { readonly kvlistValue: { readonly values: readonly Attribute[] } };

export interface Attribute {
  readonly key: string;
  readonly value: AnyValue;
}

export interface Resource {
  readonly version: string;
  readonly host: string;
  readonly instance: string;
}

export interface TimedEvent {
  readonly event: GatewayEvent;
  readonly atMs: number;
}

export function logsRequest(resource: Resource, events: readonly TimedEvent[]): object {
  const scope = scopeOf(resource);
  return {
    resourceLogs: [{ resource: resourceOf(resource), scopeLogs: [{ scope, logRecords: events.map(logRecord) }] }],
  };
}

/** Counters are since `startedAtMs`. */
export function metricsRequest(
  resource: Resource,
  points: ReadonlyMap<MetricName, readonly MetricPoint[]>,
  startedAtMs: number,
  atMs: number,
): object {
  const times = { startTimeUnixNano: nanoseconds(startedAtMs), timeUnixNano: nanoseconds(atMs) };
  const metrics = [...points].flatMap(([name, own]) => (own.length === 0 ? [] : [metricOf(name, own, times)]));
  return {
    resourceMetrics: [{ resource: resourceOf(resource), scopeMetrics: [{ scope: scopeOf(resource), metrics }] }],
  };
}

function scopeOf({ version }: Resource): object {
  return { name: 'sallyport', version };
}

function resourceOf({ version, host, instance }: Resource): object {
  return {
    attributes: [
      text('service.name', 'sallyport'),
      text('service.version', version),
      text('service.instance.id', instance),
      text('host.name', host),
    ],
  };
}

function text(key: string, value: string): Attribute {
  return { key, value: { stringValue: value } };
}

/** Whole milliseconds, which are exact, with zeros. */
export function nanoseconds(ms: number): string {
  return `${Math.trunc(ms)}000000`;
}

function logRecord({ event, atMs }: TimedEvent): object {
  const level = EVENT_LEVELS[event.name];
  const { name, ...fields } = event;
  const time = nanoseconds(atMs);
  return {
    timeUnixNano: time,
    observedTimeUnixNano: time,
    severityNumber: SEVERITIES[level],
    severityText: level.toUpperCase(),
    eventName: name,
    body: { stringValue: eventSentence(event) },
    attributes: [
      // Collectors from before `eventName` was part of a record look here.
      text('event.name', name),
      ...Object.entries(fields).flatMap(([key, value]) => {
        const known = anyValue(value);
        return known === undefined ? [] : [{ key: KNOWN_ATTRIBUTES[key] ?? `sallyport.${snake(key)}`, value: known }];
      }),
    ],
  };
}

function snake(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Undefined for what is not there. */
function anyValue(value: unknown): AnyValue | undefined {
  switch (typeof value) {
    case 'string':
      return { stringValue: value };
    case 'boolean':
      return { boolValue: value };
    case 'number':
      if (!Number.isFinite(value)) return undefined;
      return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
    case 'object': {
      if (value === null) return undefined;
      if (Array.isArray(value)) return { arrayValue: { values: value.flatMap((item) => anyValue(item) ?? []) } };
      const values = Object.entries(value).flatMap(([key, inner]) => {
        const known = anyValue(inner);
        return known === undefined ? [] : [{ key, value: known }];
      });
      return { kvlistValue: { values } };
    }
    default:
      return undefined;
  }
}

interface Times {
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
}

function metricOf(name: MetricName, points: readonly MetricPoint[], times: Times): object {
  const { type, unit, help } = kindOf(name);
  const facts = { name, description: `${help}.`, unit: UNITS[unit] };
  if (type === 'histogram') {
    return { ...facts, histogram: { aggregationTemporality: CUMULATIVE, dataPoints: histogramPoints(points, times) } };
  }
  const isWhole = unit === 'number' || unit === 'bytes';
  const dataPoints = points.map(({ labels, value }) => ({
    attributes: attributesOf(labels),
    ...(type === 'counter' ? times : { timeUnixNano: times.timeUnixNano }),
    // A series keeps its kind of number, whatever the number is.
    ...(isWhole ? { asInt: String(Math.round(value)) } : { asDouble: value }),
  }));
  if (type === 'gauge') return { ...facts, gauge: { dataPoints } };
  return { ...facts, sum: { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints } };
}

function attributesOf(labels: Readonly<Record<string, string>>): Attribute[] {
  return Object.entries(labels).map(([key, value]) => text(key, value));
}

/** Prometheus counts up to each bound; OTLP between two of them. */
function histogramPoints(points: readonly MetricPoint[], times: Times): object[] {
  const series = Map.groupBy(points, ({ labels: { le: _bound, ...labels } }) => JSON.stringify(labels));
  return [...series.values()].map((own) => {
    const buckets = own.filter(({ part }) => part === 'bucket');
    const upTo = buckets.map(({ value }) => value);
    const { le: _bound, ...labels } = own[0]!.labels;
    return {
      attributes: attributesOf(labels),
      ...times,
      count: String(own.find(({ part }) => part === 'count')?.value ?? 0),
      sum: own.find(({ part }) => part === 'sum')?.value ?? 0,
      bucketCounts: upTo.map((value, i) => String(value - (upTo[i - 1] ?? 0))),
      explicitBounds: buckets.map(({ labels: { le } }) => Number(le)).filter((bound) => Number.isFinite(bound)),
    };
  });
}
