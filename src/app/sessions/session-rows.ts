/** Sessions as operators are told of them: those that the embedded broker keeps, and what is known of others by their connection. */
import type { KeptSession } from '../../broker/kept-session.ts';
import { SESSION_EXPIRY_NEVER_S } from '../../mqtt/wire.ts';
import type { ClientDetails, ClientSummary } from '../clients/client-facts.ts';
import { EMBEDDED } from '../config/upstream-schema.ts';
import type { SessionDetails, SessionSummary } from './session-facts.ts';

const FILTERS_SHOWN_MAX = 1000;
const OWNED_BY_USER = 'user:';

/** Null for an anonymous client, and for the gateway's own. */
export function usernameOf({ owner }: KeptSession): string | null {
  return owner.startsWith(OWNED_BY_USER) ? owner.slice(OWNED_BY_USER.length) : null;
}

export function keptSummary(session: KeptSession, epochMs: number): SessionSummary {
  const { clientId, protocolVersion, connected, connectedAtMs, disconnectedAtMs, expiryS, outgoing } = session;
  const ends = !connected && disconnectedAtMs !== undefined && expiryS !== SESSION_EXPIRY_NEVER_S;
  return {
    clientId,
    username: usernameOf(session),
    broker: EMBEDDED,
    state: connected ? 'connected' : 'away',
    protocolVersion: protocolVersion ?? null,
    connectedAt: timeOf(connectedAtMs),
    disconnectedAt: timeOf(disconnectedAtMs),
    expiryS,
    expiresInMs: ends ? Math.max(0, Math.round(disconnectedAtMs + expiryS * 1000 - epochMs)) : null,
    subscriptions: session.subscriptions.size,
    queuedMessages: outgoing.queuedCount,
    queuedBytes: outgoing.queuedBytes,
    inflight: outgoing.inflightCount,
  };
}

export function keptDetails(session: KeptSession, epochMs: number): SessionDetails {
  const { subscriptions, incoming, will } = session;
  return {
    ...keptSummary(session, epochMs),
    filters: [...subscriptions.values()].slice(0, FILTERS_SHOWN_MAX).map((subscription) => ({
      filter: subscription.filter,
      qos: subscription.qos,
      noLocal: subscription.noLocal,
      retainAsPublished: subscription.retainAsPublished,
      retainHandling: subscription.retainHandling,
      subscriptionIdentifier: subscription.subscriptionIdentifier === 0 ? null : subscription.subscriptionIdentifier,
    })),
    unreleased: incoming.size,
    will:
      will === undefined
        ? null
        : {
            topic: will.topic,
            qos: will.qos,
            retain: will.retain,
            delayS: will.delayS,
            payloadBytes: will.payload.length,
          },
  };
}

/** Of a session that another broker keeps. */
export function connectedSummary(client: ClientSummary): SessionSummary {
  const { clientId, username, upstream, protocolVersion, connectedAt, subscriptions } = client;
  return {
    clientId,
    username,
    broker: upstream,
    state: 'connected',
    protocolVersion,
    connectedAt,
    disconnectedAt: null,
    expiryS: null,
    expiresInMs: null,
    subscriptions,
    queuedMessages: null,
    queuedBytes: null,
    inflight: null,
  };
}

export function connectedDetails(client: ClientDetails): SessionDetails {
  const { filters, willTopic } = client;
  const unknown = { qos: null, noLocal: null, retainAsPublished: null, retainHandling: null } as const;
  return {
    ...connectedSummary(client),
    filters: filters.map((filter) => ({ filter, ...unknown, subscriptionIdentifier: null })),
    unreleased: null,
    will: willTopic === null ? null : { topic: willTopic, qos: null, retain: null, delayS: null, payloadBytes: null },
  };
}

function timeOf(epochMs: number | undefined): string | null {
  return epochMs === undefined ? null : new Date(Math.round(epochMs)).toISOString();
}
