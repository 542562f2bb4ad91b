/** The `otlp` section: an OpenTelemetry collector that events and metrics are sent to as well. */
import { backendUrl, isLoopbackHost, parseBackendUrl } from './chain/backend-fields.ts';
import { choice, duration, flag, list, section, text, wholeNumber } from './fields.ts';
import { recognitionFields } from './recognition-fields.ts';
import { secret } from './secret.ts';

const HEADERS_MAX = 8;

export const OTLP_SCHEMES = ['http', 'https'] as const;

function about(description: string): { description: string } {
  return { description };
}

export function otlpSchema(directory: string) {
  const header = section({
    name: text({ pattern: /^[A-Za-z0-9-]{1,64}$/, wanted: 'the name of a header, such as Authorization' }).meta(
      about('Name of the header.'),
    ),
    value: secret(directory).meta(about('Where its whole value is kept, such as Bearer and the token.')),
  });
  return section({
    url: backendUrl(OTLP_SCHEMES, 'https://collector.example.org:4318')
      .optional()
      .meta(
        about(
          'Where the collector takes OTLP over HTTP; /v1/logs and /v1/metrics are added. Without it nothing is sent.',
        ),
      ),
    headers: list(header, { min: 0, max: HEADERS_MAX, what: 'headers' })
      .prefault([])
      .meta(about('Sent with each request, for collectors that want to know who it is.')),
    tls: section(recognitionFields(directory)).prefault({}).meta(about('How it is recognized.')),
    logs: flag().prefault(true).meta(about('Whether events are sent.')),
    level: choice(['debug', 'info', 'warn', 'error']).prefault('warn').meta(about('Lowest level that is sent.')),
    metrics: flag().prefault(true).meta(about('Whether metrics are sent.')),
    metricsInterval: duration({ min: '1s', max: '1h' })
      .prefault('1m')
      .meta(about('Time between two rounds of metrics.')),
    queueMax: wholeNumber({ min: 1, max: 1_000_000 })
      .prefault(10_000)
      .meta(about('Events that wait while it is away; the oldest make room, and are counted.')),
    batchMax: wholeNumber({ min: 1, max: 10_000 }).prefault(512).meta(about('Events in one request.')),
    timeout: duration({ min: '100ms', max: '1m' }).prefault('10s').meta(about('How long it may take to answer.')),
    compression: choice(['none', 'gzip']).prefault('gzip').meta(about('Whether requests are compressed.')),
  })
    .superRefine(
      ({ url, headers }, context) => {
        const parsed = url === undefined ? undefined : parseBackendUrl(url, OTLP_SCHEMES);
        if (parsed?.scheme !== 'http' || headers.length === 0 || isLoopbackHost(parsed.host)) return;
        const message = 'has no TLS, so that the headers could be read on the way: use https, or leave them out';
        context.addIssue({ code: 'custom', path: ['url'], message });
      },
      { when: ({ value }) => Array.isArray((value as { headers?: unknown } | undefined)?.headers) },
    )
    .transform(({ metricsInterval, timeout, ...rest }) => ({
      ...rest,
      metricsIntervalMs: metricsInterval,
      timeoutMs: timeout,
    }));
}
