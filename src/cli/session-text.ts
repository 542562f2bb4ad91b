/** MQTT sessions as people read them on a terminal; what clients have chosen themselves is neutralised. */
import type { SessionDetails, SessionSummary } from '../app/sessions/session-facts.ts';
import { printable } from '../base/printable.ts';
import { shownName, VERSIONS } from './client-text.ts';
import { type Field, fieldLines } from './fields.ts';
import { bytesText, durationText } from './quantities.ts';
import { counted, prose, table } from './table.ts';
import { styled } from './terminal.ts';

const NEVER_S = 0xffffffff;

export function sessionTable(sessions: readonly SessionSummary[]): string {
  const rows = sessions.map((session) => [
    shownName(session.clientId),
    shownName(session.username, 24),
    session.broker,
    session.state,
    session.protocolVersion === null ? '?' : VERSIONS[session.protocolVersion],
    leftText(session),
    String(session.subscriptions),
    numberText(session.queuedMessages),
    session.queuedBytes === null ? '?' : bytesText(session.queuedBytes),
    numberText(session.inflight),
  ]);
  const head = [
    'client',
    prose('user', 6),
    prose('broker', 6),
    'state',
    'MQTT',
    'expires',
    'filters',
    'queued',
    'bytes',
    'in flight',
  ];
  return table(head, rows);
}

/** When it ends by itself. */
function leftText({ state, expiryS, expiresInMs }: SessionSummary): string {
  if (expiresInMs !== null) return `in ${durationText(expiresInMs)}`;
  if (expiryS === null) return '?';
  if (expiryS === NEVER_S) return 'never';
  if (expiryS === 0) return 'at its end';
  return state === 'connected' ? `${durationText(expiryS * 1000)} after` : 'now';
}

function numberText(count: number | null): string {
  return count === null ? '?' : String(count);
}

export function sessionDetails(session: SessionDetails): string {
  const { will, filters } = session;
  const rows: Field[] = [
    ['broker', session.broker],
    ['user', shownName(session.username)],
    ['state', stateText(session)],
    [
      'protocol',
      session.protocolVersion === null ? 'not known since the last start' : `MQTT ${VERSIONS[session.protocolVersion]}`,
    ],
    ['ends', endText(session)],
    ['queued', ...queueText(session)],
    ['filters', ...(filters.length === 0 ? ['none'] : filters.map(filterText))],
    ['will', will === null ? 'none' : willText(will)],
  ];
  return [styled('bold', printable(session.clientId)), ...fieldLines(rows, 8, '  ')].join('\n');
}

function stateText({ state, connectedAt, disconnectedAt }: SessionSummary): string {
  if (state === 'away') return `away since ${disconnectedAt}`;
  return connectedAt === null ? 'connected' : `connected since ${connectedAt}`;
}

function endText(session: SessionSummary): string {
  const { state, expiryS, expiresInMs } = session;
  if (expiresInMs !== null) return `in ${durationText(expiresInMs)}, unless its client comes back`;
  if (expiryS === null) return 'only the broker behind knows';
  if (expiryS === NEVER_S) return 'never by itself';
  if (expiryS === 0) return 'with its connection';
  return state === 'connected' ? `${durationText(expiryS * 1000)} after its connection` : 'now';
}

function queueText({ queuedMessages, queuedBytes, inflight, unreleased }: SessionDetails): string[] {
  if (queuedMessages === null || queuedBytes === null || inflight === null || unreleased === null) {
    return ['only the broker behind knows'];
  }
  return [
    `${counted(queuedMessages, 'message')}, ${bytesText(queuedBytes)}`,
    `${inflight} more under way to it, ${unreleased} from it not released`,
  ];
}

function filterText(subscription: SessionDetails['filters'][number]): string {
  const { filter, qos, noLocal, retainAsPublished, retainHandling, subscriptionIdentifier } = subscription;
  if (qos === null) return printable(filter);
  const options = [
    `QoS ${qos}`,
    ...(noLocal === true ? ['no local'] : []),
    ...(retainAsPublished === true ? ['retain as published'] : []),
    ...(retainHandling === null || retainHandling === 0 ? [] : [`retain handling ${retainHandling}`]),
    ...(subscriptionIdentifier === null ? [] : [`identifier ${subscriptionIdentifier}`]),
  ];
  return `${printable(filter)}  ${styled('dim', options.join(', '))}`;
}

function willText({ topic, qos, retain, delayS, payloadBytes }: NonNullable<SessionDetails['will']>): string {
  if (qos === null || delayS === null || payloadBytes === null) return printable(topic);
  const delay = delayS === 0 ? '' : `, ${durationText(delayS * 1000)} after its end`;
  return `${printable(topic)}, QoS ${qos}${retain === true ? ', retained' : ''}, ${bytesText(payloadBytes)}${delay}`;
}
