/** Looks at connections one after another, and tells of each what it has done since it was looked at last. */
import type { ClientSample } from '../policy/detection/client-sample.ts';
import type { Client } from './client.ts';
import { LastSample, ratesSince, SPAN_MIN_MS, type Traffic } from './traffic.ts';

/** One that does nothing is told of no more often than this. */
const QUIET_SPAN_MS = 30_000;

/** Undefined where it is too early, or nothing is worth telling. `isLast` tells in any case what is left to tell. */
export function takeSample(client: Client, nowMs: number, isLast = false): ClientSample | undefined {
  const { traffic, conduct, clientId } = client;
  const { connectedAtMs } = conduct;
  if (connectedAtMs === undefined || clientId === undefined) return undefined;
  client.lastSample ??= new LastSample(connectedAtMs);
  const last = client.lastSample;
  const spanMs = nowMs - last.atMs;
  if (spanMs < SPAN_MIN_MS && !isLast) return undefined;
  const isQuiet =
    traffic.messagesIn === last.messagesIn &&
    traffic.messagesOut === last.messagesOut &&
    traffic.broadFilters === last.broadFilters &&
    traffic.refusalsUntold === last.refusalsUntold;
  if (isQuiet && (spanMs < QUIET_SPAN_MS || isLast)) return undefined;
  const sample = sampleOf(client, clientId, traffic, last, nowMs, connectedAtMs);
  last.rates = ratesSince(traffic, last, nowMs);
  last.atMs = nowMs;
  last.messagesIn = traffic.messagesIn;
  last.messagesOut = traffic.messagesOut;
  last.bytesIn = traffic.bytesIn;
  last.bytesOut = traffic.bytesOut;
  last.retainedIn = traffic.retainedIn;
  last.broadFilters = traffic.broadFilters;
  last.refusalsUntold = traffic.refusalsUntold;
  last.topics += sample.topicsNew;
  return sample;
}

function sampleOf(
  client: Client,
  clientId: string,
  traffic: Traffic,
  last: LastSample,
  nowMs: number,
  connectedAtMs: number,
): ClientSample {
  const { downstream, username, exchanges, topicsKnown } = client;
  const { connectionId, listener, address, certificate } = downstream;
  const oldest = exchanges?.oldest;
  if (oldest !== last.oldestQos2) {
    last.oldestQos2 = oldest;
    last.oldestQos2SinceMs = nowMs;
  }
  const topicsNew = Math.max(0, (topicsKnown?.distinct ?? 0) - last.topics);
  return {
    connectionId,
    listener,
    address,
    clientId,
    ...(username === undefined ? {} : { username }),
    ...(certificate === undefined ? {} : { certificate: certificate.fingerprint }),
    spanMs: Math.max(1, nowMs - last.atMs),
    ageMs: nowMs - connectedAtMs,
    messagesIn: traffic.messagesIn - last.messagesIn,
    messagesOut: traffic.messagesOut - last.messagesOut,
    bytesIn: traffic.bytesIn - last.bytesIn,
    bytesOut: traffic.bytesOut - last.bytesOut,
    retainedIn: traffic.retainedIn - last.retainedIn,
    topicsNew,
    ...(topicsNew > 0 && topicsKnown?.latest !== undefined ? { topicLatest: topicsKnown.latest.topic } : {}),
    broadFilters: traffic.broadFilters - last.broadFilters,
    refusalsUntold: traffic.refusalsUntold - last.refusalsUntold,
    openQos2: exchanges?.count ?? 0,
    openQos2Ms: oldest === undefined ? 0 : nowMs - last.oldestQos2SinceMs,
    isIdle: traffic.messagesIn === 0 && traffic.messagesOut === 0 && traffic.subscribes === 0,
  };
}
