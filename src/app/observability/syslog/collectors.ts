/** The syslog collectors of a configuration, as one sink of events. */
import { hostname } from 'node:os';
import type { ConnectionOptions } from 'node:tls';
import type { Chance } from '../../../base/chance.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Emit, GatewayEvent } from '../../../base/events.ts';
import { parseBackendUrl } from '../../config/chain/backend-fields.ts';
import type { Config } from '../../config/config.ts';
import { OperatorError } from '../../config/problem.ts';
import { SYSLOG_SCHEMES } from '../../config/syslog-schema.ts';
import { EVENT_LEVELS, type LogLevel } from '../../event-level.ts';
import { tlsOptionsOf } from '../../identity-backends/backend-tls.ts';
import { readPlainText } from '../../plain-file.ts';
import { EXPORT_FORMATS } from '../export/formats.ts';
import { logLine } from '../log-line.ts';
import { syslogMessage } from './message.ts';
import { openSender, type SyslogSender, type SyslogTarget } from './sender.ts';

type CollectorConfig = Config['syslog'][number];

export interface Collectors {
  /** Takes an event whose texts are bounded. */
  readonly emit: Emit;
  stats(): CollectorStats[];
  /** Resolves when what waits is out, or has had its time; what is lost then is told. */
  close(): Promise<void>;
}

export interface CollectorStats {
  /** Its URL. */
  readonly collector: string;
  readonly queued: number;
  readonly lost: number;
  readonly isUp: boolean;
}

export interface CollectorServices {
  readonly clock: Clock;
  readonly chance: Chance;
  /** Hears that one is away, or back, and what the end of the gateway has cost it. */
  readonly emit: Emit;
  readonly version: string;
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const PORTS = { udp: 514, tcp: 514, tls: 6514 } as const;

/** @throws {OperatorError} when a file that one of them names cannot be read. */
export async function openCollectors(configs: Config['syslog'], services: CollectorServices): Promise<Collectors> {
  const prepared = await Promise.all(configs.map(async (config) => ({ config, target: await targetOf(config) })));
  const collectors = prepared.map(({ config, target }) => new Collector(config, target, services));
  return {
    emit: (event) => {
      for (const collector of collectors) collector.take(event);
    },
    stats: () => collectors.map((collector) => collector.stats()),
    close: async () => {
      await Promise.all(collectors.map((collector) => collector.close()));
    },
  };
}

class Collector {
  readonly #config: CollectorConfig;
  readonly #services: CollectorServices;
  readonly #sender: SyslogSender;
  readonly #host = hostname();
  #sent = 0;

  constructor(config: CollectorConfig, target: SyslogTarget, services: CollectorServices) {
    this.#config = config;
    this.#services = services;
    const { clock, chance, emit } = services;
    this.#sender = openSender({
      target,
      clock,
      chance,
      queueMax: config.queueMax,
      onDown: (says) => emit({ name: 'collector.failed', collector: config.url, says }),
      onUp: (lost) => emit({ name: 'collector.recovered', collector: config.url, lost }),
    });
  }

  take(event: GatewayEvent): void {
    const level = EVENT_LEVELS[event.name];
    if (LEVELS.indexOf(level) < LEVELS.indexOf(this.#config.level)) return;
    const atMs = this.#services.clock.epochMs();
    const { facility } = this.#config;
    const header = { facility, level, atMs, host: this.#host, pid: process.pid, id: event.name };
    this.#sender.send(syslogMessage(header, this.#contentOf(event, atMs)));
  }

  #contentOf(event: GatewayEvent, atMs: number): string {
    const format = EXPORT_FORMATS[this.#config.format];
    if (format === undefined) return logLine(event);
    // Formats speak of records: this one is numbered by the collector it goes to, and belongs to no chain.
    return format({ n: ++this.#sent, t: atMs, k: 'event', d: { ...event }, h: '' }, this.#services.version);
  }

  stats(): CollectorStats {
    const { queuedCount: queued, lostCount: lost, isDown } = this.#sender;
    return { collector: this.#config.url, queued, lost, isUp: !isDown };
  }

  async close(): Promise<void> {
    const lost = await this.#sender.close();
    if (lost > 0) this.#services.emit({ name: 'collector.abandoned', collector: this.#config.url, lost });
  }
}

async function targetOf({ url, tls }: CollectorConfig): Promise<SyslogTarget> {
  // INVARIANT: the schema has taken the URL.
  const parsed = parseBackendUrl(url, SYSLOG_SCHEMES)!;
  const scheme = parsed.scheme as SyslogTarget['scheme'];
  const target = { scheme, host: parsed.host, port: parsed.port ?? PORTS[scheme] };
  if (scheme !== 'tls') return { ...target, tls: {} };
  const options: ConnectionOptions = await tlsOptionsOf(tls, parsed.host);
  if (tls.certificate === undefined || tls.key === undefined) return { ...target, tls: options };
  return { ...target, tls: { ...options, cert: await pem(tls.certificate), key: await pem(tls.key) } };
}

async function pem(path: string): Promise<string> {
  try {
    return await readPlainText(path);
  } catch (error) {
    throw new OperatorError(`The file ${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}
