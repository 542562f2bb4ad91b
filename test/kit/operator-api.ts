/** The control API with operators, over plain HTTP in this process: what a listener adds (TLS, own names) is not part of it. */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { loadConfig } from '../../src/app/config/load.ts';
import { makeControlApp } from '../../src/app/control/http-app.ts';
import type { ClientCertificate } from '../../src/app/control/principal.ts';
import { ROUTES } from '../../src/app/control/route-table.ts';
import type { ControlServices } from '../../src/app/control/services.ts';
import { EventStream } from '../../src/app/observability/event-stream/event-stream.ts';
import type { OperatorAction } from '../../src/app/observability/operator-action.ts';
import { Operators } from '../../src/app/operators/operators.ts';
import { systemChance } from '../../src/base/chance.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { GatewayEvent } from '../../src/base/events.ts';
import { ManualClock } from '../../src/base/manual-clock.ts';
import type { Exchange } from './https-exchange.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever came
  readonly body: any;
}

/** A browser, as far as this API sees one: it keeps the cookies, and sends the token against other sites. */
export class ApiBrowser {
  readonly #base: string;
  readonly #exchange: Exchange;
  readonly cookies = new Map<string, string>();
  csrfToken: string | undefined;

  constructor(base: string, exchange: Exchange = fetch) {
    this.#base = base;
    this.#exchange = exchange;
  }

  async ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<ApiAnswer> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await this.#exchange(this.#base + path, {
      method,
      headers: {
        origin: this.#base,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(cookie === '' ? {} : { cookie }),
        ...(this.csrfToken === undefined ? {} : { 'sallyport-csrf': this.csrfToken }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    for (const set of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      if (value === '') this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    const answer = { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
    this.csrfToken = answer.body?.csrfToken ?? answer.body?.login?.csrfToken ?? this.csrfToken;
    return answer;
  }
}

export async function startOperatorApi(directory: string, yaml = '') {
  const file = join(directory, 'sallyport.yaml');
  writeFileSync(file, `listeners: [{ name: mqtt, type: tcp, port: 0 }]\n${yaml}`);
  const { config } = await loadConfig(file);
  const clock = new ManualClock();
  const events: GatewayEvent[] = [];
  const actions: OperatorAction[] = [];
  const emit = (event: GatewayEvent): void => void events.push(event);
  const operators = new Operators({ config, clock, chance: systemChance, emit });
  const stream = new EventStream({ clock: systemClock, emit });
  const services = {
    clock,
    chance: systemChance,
    emit,
    operators,
    live: { stream },
    onAction: (action: OperatorAction) => actions.push(action),
  };
  const app = await makeControlApp({
    services: services as unknown as ControlServices,
    routes: ROUTES,
    checksAnswers: true,
  });
  const shown: { address: string; certificate: ClientCertificate | undefined } = {
    address: '192.0.2.1',
    certificate: undefined,
  };
  const server = createServer((request, response) => {
    app.handle(request, response, { authenticator: operators.authenticator, ...shown });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    base,
    config,
    clock,
    events,
    actions,
    operators,
    stream,
    /** What the listener says of the next requests. */
    shown,
    browser: () => new ApiBrowser(base),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      operators.close();
    },
  };
}
