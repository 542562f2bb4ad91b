/** OTLP requests as the JSON mapping has them, strictly: no name that is not in the protocol, 64-bit numbers as decimal texts. */
import { z } from 'zod';

const int64 = z.string().regex(/^-?\d{1,19}$/);
const uint64 = z.string().regex(/^\d{1,20}$/);
/** A moment of this century, in nanoseconds. */
const moment = z.string().regex(/^1[5-9]\d{17}$|^[2-3]\d{18}$/);

type Value = { [key: string]: unknown };
const anyValue: z.ZodType<Value> = z.lazy(() =>
  z.union([
    z.strictObject({ stringValue: z.string() }),
    z.strictObject({ boolValue: z.boolean() }),
    z.strictObject({ intValue: int64 }),
    z.strictObject({ doubleValue: z.number() }),
    z.strictObject({ arrayValue: z.strictObject({ values: z.array(anyValue) }) }),
    z.strictObject({ kvlistValue: z.strictObject({ values: z.array(keyValue) }) }),
  ]),
);
const keyValue = z.strictObject({ key: z.string().min(1), value: anyValue });
/** Names are unique in one list. */
const attributes = z
  .array(keyValue)
  .refine((list) => new Set(list.map(({ key }) => key)).size === list.length, 'an attribute is there twice');
const resource = z.strictObject({ attributes });
const scope = z.strictObject({ name: z.string(), version: z.string() });

const logRecord = z.strictObject({
  timeUnixNano: moment,
  observedTimeUnixNano: moment,
  severityNumber: z.int().min(1).max(24),
  severityText: z.enum(['DEBUG', 'INFO', 'WARN', 'ERROR']),
  eventName: z.string().min(1),
  body: anyValue,
  attributes,
});

export const logsRequestShape = z.strictObject({
  resourceLogs: z.array(
    z.strictObject({
      resource,
      scopeLogs: z.array(z.strictObject({ scope, logRecords: z.array(logRecord).min(1) })).min(1),
    }),
  ),
});

const numberPoint = z.union([
  z.strictObject({ attributes, startTimeUnixNano: moment.optional(), timeUnixNano: moment, asInt: int64 }),
  z.strictObject({ attributes, startTimeUnixNano: moment.optional(), timeUnixNano: moment, asDouble: z.number() }),
]);
const histogramPoint = z
  .strictObject({
    attributes,
    startTimeUnixNano: moment,
    timeUnixNano: moment,
    count: uint64,
    sum: z.number(),
    bucketCounts: z.array(uint64),
    explicitBounds: z.array(z.number()),
  })
  .refine(({ bucketCounts, explicitBounds }) => bucketCounts.length === explicitBounds.length + 1, 'bounds and buckets')
  .refine(
    ({ bucketCounts, count }) => bucketCounts.reduce((sum, each) => sum + Number(each), 0) === Number(count),
    'the buckets have another sum than the count',
  );
const facts = {
  name: z.string().regex(/^[A-Za-z][\w.\-/]{0,254}$/),
  description: z.string(),
  unit: z.string().max(63),
};
/** `AGGREGATION_TEMPORALITY_CUMULATIVE`. */
const aggregationTemporality = z.literal(2);

export const metricsRequestShape = z.strictObject({
  resourceMetrics: z.array(
    z.strictObject({
      resource,
      scopeMetrics: z.array(
        z.strictObject({
          scope,
          metrics: z.array(
            z.union([
              z.strictObject({ ...facts, gauge: z.strictObject({ dataPoints: z.array(numberPoint).min(1) }) }),
              z.strictObject({
                ...facts,
                sum: z.strictObject({
                  aggregationTemporality,
                  isMonotonic: z.literal(true),
                  dataPoints: z.array(numberPoint).min(1),
                }),
              }),
              z.strictObject({
                ...facts,
                histogram: z.strictObject({ aggregationTemporality, dataPoints: z.array(histogramPoint).min(1) }),
              }),
            ]),
          ),
        }),
      ),
    }),
  ),
});

export type LogsRequest = z.infer<typeof logsRequestShape>;
export type MetricsRequest = z.infer<typeof metricsRequestShape>;
