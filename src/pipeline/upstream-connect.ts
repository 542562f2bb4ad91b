/** The CONNECT as the server is told it: what was between the client and the gateway stays there. */
import type { ClientFacts } from '../mqtt/link.ts';
import type { ConnectPacket } from '../mqtt/packet.ts';
import type { Properties } from '../mqtt/properties.ts';
import { ONE_TIME_CODE_PROPERTY } from './checks/authenticate.ts';
import type { Client } from './client.ts';
import { enforcedKeepAliveS } from './connack.ts';
import type { ConnectionLimits } from './policy.ts';
import { willAuthorOf } from './will-author.ts';

export function upstreamConnect(packet: ConnectPacket, limits: ConnectionLimits): ConnectPacket {
  return {
    ...packet,
    // The server is told the keep-alive that will be in force, not the one that was asked for: it must not wait for less.
    keepAliveS: enforcedKeepAliveS(packet.keepAliveS, limits),
    properties: withoutProof(packet.properties),
  };
}

/** Who the client is to the server. */
export function upstreamFacts(client: Client): ClientFacts {
  const { downstream, policy, connect } = client;
  return {
    owner: ownerOf(client),
    address: downstream.address,
    isExclusive: policy.clientIds.duplicate === 'refuse',
    willAuthor: connect?.will === undefined ? undefined : willAuthorOf(client),
  };
}

function ownerOf({ username }: Client): string {
  return username === undefined ? 'anonymous' : `user:${username}`;
}

/** Tells the client's session from all others, at whatever server. */
export function sessionOf(client: Client): string {
  return JSON.stringify([client.upstream, ownerOf(client), client.clientId]);
}

/** Whether the session outlives the connection, as far as the CONNECT says. */
export function keepsSession({ protocolVersion, cleanStart, properties }: ConnectPacket): boolean {
  return protocolVersion < 5 ? !cleanStart : (properties.sessionExpiryIntervalS ?? 0) > 0;
}

/** Without the secrets, which have done their work, for what stays in memory as long as the connection. */
export function withoutSecrets(packet: ConnectPacket, username: string | undefined): ConnectPacket {
  const { password: _password, username: _username, properties, ...rest } = packet;
  const kept = { ...rest, properties: withoutProof(properties) };
  return username === undefined ? kept : { ...kept, username };
}

/** The server was not asked to authenticate by AUTH, and a one-time code is spent. */
function withoutProof(properties: Properties): Properties {
  const { authenticationMethod, authenticationData: _data, userProperties, ...rest } = properties;
  const kept = userProperties?.filter(([name]) => name !== ONE_TIME_CODE_PROPERTY);
  if (authenticationMethod === undefined && kept?.length === userProperties?.length) return properties;
  return kept === undefined || kept.length === 0 ? rest : { ...rest, userProperties: kept };
}
