/** Clients as people read them on a terminal; what they have chosen themselves is neutralised. */
import type { ClientDetails, ClientSummary } from '../app/clients/client-facts.ts';
import { printable } from '../base/printable.ts';
import { type Field, fieldLines } from './fields.ts';
import { bytesText, durationText, rateText, shortNumber } from './quantities.ts';
import { prose, shortened, table } from './table.ts';
import { styled } from './terminal.ts';

const NAME_SHOWN_MAX = 40;
export const VERSIONS = { 3: '3.1', 4: '3.1.1', 5: '5.0' } as const;

/** On one line, and not too long. */
export function shownName(text: string | null, max: number = NAME_SHOWN_MAX): string {
  if (text === null) return '-';
  return shortened(printable(text), max);
}

export function clientTable(clients: readonly ClientSummary[], widthMax?: number): string {
  const rows = clients.map((client) => [
    shownName(client.clientId),
    shownName(client.username, 24),
    client.address,
    client.listener,
    VERSIONS[client.protocolVersion],
    shortNumber(client.messagesInPerSecond),
    shortNumber(client.messagesOutPerSecond),
    String(client.subscriptions),
    client.isThrottled ? `${client.verdict}, throttled` : client.verdict,
  ]);
  const [user, listener, verdict] = [prose('user', 6), prose('listener', 6), prose('verdict', 6)];
  return table(['client', user, 'address', listener, 'MQTT', 'in/s', 'out/s', 'filters', verdict], rows, widthMax);
}

export function clientDetails(client: ClientDetails): string {
  const { identity, tls, certificate, totals, attacks, limits } = client;
  const rows: Field[] = [
    ['connection', `${client.connectionId}, from ${client.address} port ${client.port} on ${client.listener}`],
    ['since', client.connectedAt],
    ['broker', client.upstream],
    [
      'protocol',
      `MQTT ${VERSIONS[client.protocolVersion]}, keep-alive ${client.keepAliveS} s, ${client.cleanStart ? 'clean start' : 'session kept'}`,
    ],
    ['user', identity === null ? shownName(client.username) : `${shownName(identity.username)} by ${identity.method}`],
    ...(identity === null || identity.roles.length === 0
      ? []
      : [['roles', identity.roles.map(printable).join(', ')] as const]),
    ...(identity === null || identity.groups.length === 0
      ? []
      : [['groups', identity.groups.map(printable).join(', ')] as const]),
    [
      'TLS',
      tls === null ? styled('yellow', 'no') : [tls.version, tls.cipher].filter((part) => part !== null).join(', '),
    ],
    ...(certificate === null
      ? []
      : [
          [
            'certificate',
            `${printable(certificate.subject)}, issued by ${printable(certificate.issuer)}`,
            `serial ${certificate.serial}, good until ${certificate.expiresAt}`,
            `SHA-256 ${certificate.fingerprint}`,
          ] as const,
        ]),
    ...(client.willTopic === null ? [] : [['will', printable(client.willTopic)] as const]),
    [
      'in',
      `${rateText(client.messagesInPerSecond, client.bytesInPerSecond)}; in all ${totals.messagesIn} messages, ${bytesText(totals.bytesIn)}`,
    ],
    [
      'out',
      `${rateText(client.messagesOutPerSecond, client.bytesOutPerSecond)}; in all ${totals.messagesOut} messages, ${bytesText(totals.bytesOut)}`,
    ],
    ['in flight', `${client.inflight} of ${client.inflightMax}`],
    ['filters', ...(client.filters.length === 0 ? ['none'] : client.filters.map(printable))],
    ['waits', ...waits(client)],
    ['limits', ...(limits.length === 0 ? ['only those of every connection'] : limits.map(limitText))],
    ['verdict', client.verdict === 'clear' ? client.verdict : styled('red', client.verdict)],
    ['known good', client.isKnownGood ? 'yes' : 'no'],
    ...(attacks.length === 0
      ? []
      : [
          [
            'attacks',
            ...attacks.map(({ detector, score, ageMs }) => `${detector}, score ${score}, for ${durationText(ageMs)}`),
          ] as const,
        ]),
  ];
  return [styled('bold', printable(client.clientId)), ...fieldLines(rows, 11, '  ')].join('\n');
}

function waits({ waitsToSend, waitsToReceive }: ClientDetails): string[] {
  const lines = [
    ...(waitsToSend === null ? [] : [`to send, for ${limitText(waitsToSend)}`]),
    ...(waitsToReceive === null ? [] : [`to receive, for ${limitText(waitsToReceive)}`]),
  ];
  return lines.length === 0 ? ['for nothing'] : lines.map((line) => styled('yellow', line));
}

interface ShownLimit {
  readonly scope: string;
  readonly key: string;
  readonly limit: string;
  readonly value: string;
  readonly source: string;
}

function limitText({ scope, key, limit, value, source }: ShownLimit): string {
  return `${limit} ${value} of ${key === '' ? scope : `${scope}:${printable(key)}`} (${printable(source)})`;
}
