/** A collector of OTLP over HTTP that takes nothing of another shape than the protocol has. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { type LogsRequest, logsRequestShape, type MetricsRequest, metricsRequestShape } from './otlp-shapes.ts';

export interface OtlpReceiver {
  readonly url: string;
  readonly port: number;
  readonly logs: LogsRequest[];
  readonly metrics: MetricsRequest[];
  /** Of every request. */
  readonly headers: IncomingMessage['headers'][];
  /** What was wrong in a request. */
  readonly faults: string[];
  /** What is answered instead, to so many requests. */
  refuse: { times: number; status: number; retryAfterS?: number } | undefined;
  /** Takes requests and answers none of them. */
  isSilent: boolean;
  rejected: number;
  /** Records in all requests. */
  readonly records: LogsRequest['resourceLogs'][number]['scopeLogs'][number]['logRecords'];
  close(): Promise<void>;
}

export async function startOtlpReceiver(port = 0): Promise<OtlpReceiver> {
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      made.headers.push(request.headers);
      if (made.isSilent) return;
      const { refuse } = made;
      if (refuse !== undefined && refuse.times-- > 0) {
        const after = refuse.retryAfterS === undefined ? {} : { 'retry-after': String(refuse.retryAfterS) };
        response.writeHead(refuse.status, after).end('{}');
        return;
      }
      take(request, Buffer.concat(chunks));
      const answer = made.rejected > 0 ? { partialSuccess: { rejectedLogRecords: String(made.rejected) } } : {};
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  const take = ({ url, method, headers }: IncomingMessage, body: Buffer): void => {
    try {
      const text = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
      const content: unknown = JSON.parse(text.toString('utf8'));
      if (method !== 'POST' || headers['content-type'] !== 'application/json') throw new Error(`${method}`);
      if (url === '/v1/logs') made.logs.push(logsRequestShape.parse(content));
      else if (url === '/v1/metrics') made.metrics.push(metricsRequestShape.parse(content));
      else throw new Error(`nothing is at ${url}`);
    } catch (error) {
      made.faults.push((error as Error).message);
    }
  };
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const bound = (server.address() as AddressInfo).port;
  const made: OtlpReceiver = {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    logs: [],
    metrics: [],
    headers: [],
    faults: [],
    refuse: undefined,
    isSilent: false,
    rejected: 0,
    get records() {
      return made.logs.flatMap(({ resourceLogs }) =>
        resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords)),
      );
    },
    close: async () => {
      server.closeAllConnections();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
  return made;
}
