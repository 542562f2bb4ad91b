/** The events of a connection's life that have much to tell, as values. */
import type { GatewayEvent } from '../base/events.ts';
import type { Deframer } from '../mqtt/deframer.ts';
import type { Fault } from '../mqtt/fault.ts';
import { PacketTooLarge } from '../mqtt/faults.ts';
import { sightOf } from '../policy/detection/virtual-patches.ts';
import type { Cause } from './cause.ts';
import type { Client } from './client.ts';
import type { DownstreamEnd } from './downstream.ts';

const TOO_LARGE_FOR_A_STRANGER = 'The packet is larger than limits.connectSizeMax allows before a login.';

type EventNamed<Name extends GatewayEvent['name']> = Extract<GatewayEvent, { name: Name }>;

/** A packet of the client's that breaks the protocol. Its author is a virtual patch where one knows it. */
export function packetFaulted(
  client: Client,
  fault: Fault,
  deframer: Deframer,
  isFirst: boolean,
): EventNamed<'packet.faulted'> {
  const { policy, version } = client;
  const sight = sightOf(deframer, { fault, sender: 'client', version, isFirst });
  return {
    name: 'packet.faulted',
    ...client.facts(),
    fault: fault.code,
    clause: fault.clause,
    sender: 'client',
    reason: fault.reason,
    by: policy.virtualPatches.authorOf(sight) ?? `codec:${fault.code}`,
    says: fault === PacketTooLarge && isStrangersCeiling(client) ? TOO_LARGE_FOR_A_STRANGER : fault.says,
  };
}

/** Less is taken of the client than will be when it has logged in. */
function isStrangersCeiling({ packetSizeMaxBytes, limits }: Client): boolean {
  return packetSizeMaxBytes < limits.packetSizeMaxBytes;
}

export function clientConnected(client: Client, sessionPresent: boolean): EventNamed<'client.connected'> {
  const { certificate } = client.downstream;
  return {
    name: 'client.connected',
    ...client.facts(),
    cleanStart: client.connect?.cleanStart ?? true,
    sessionPresent,
    keepAliveS: client.keepAliveS,
    ...(certificate === undefined ? {} : { certificate: certificate.fingerprint }),
  };
}

export function connectionClosed(
  client: Client,
  end: DownstreamEnd,
  cause: Cause,
  rest: { durationMs: number; suppressed: number; will: string | undefined },
): EventNamed<'connection.closed'> {
  const { durationMs, suppressed, will } = rest;
  return {
    name: 'connection.closed',
    ...client.facts(),
    durationMs: Math.round(durationMs),
    bytesIn: end.bytesIn,
    bytesOut: end.bytesOut,
    connected: client.conduct.connectedAtMs !== undefined,
    ...(will === undefined ? {} : { will }),
    ...cause,
    ...(suppressed > 0 ? { suppressed } : {}),
  };
}
