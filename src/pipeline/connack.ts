/** CONNACK as the client sees it: the server's, narrowed to what the gateway enforces. */
import type { ConnackPacket } from '../mqtt/packet.ts';
import type { Client } from './client.ts';
import type { ConnectionLimits } from './policy.ts';

/** A client that asks for no keep-alive would hold its place for ever (SlowITe): it gets the longest there is. */
export function enforcedKeepAliveS(askedS: number, limits: ConnectionLimits): number {
  return askedS === 0 ? limits.keepAliveMaxS : Math.min(askedS, limits.keepAliveMaxS);
}

/** Sets what is enforced on `client`, and says it to a v5 client [MQTT-3.2.2-21, MQTT-3.2.2-22]. */
export function shapeConnack(
  client: Client,
  packet: ConnackPacket,
  assignedClientId: string | undefined,
): ConnackPacket {
  const { limits } = client;
  const { properties } = packet;
  const askedS = client.connect?.keepAliveS ?? 0;
  client.keepAliveS = enforcedKeepAliveS(properties.serverKeepAliveS ?? askedS, limits);
  client.inflightMax = Math.min(properties.receiveMaximum ?? 0xffff, limits.inflightMax);
  if (client.version !== 5) return packet;
  const sizeMaxBytes = Math.min(
    properties.maximumPacketSizeBytes ?? limits.packetSizeMaxBytes,
    limits.packetSizeMaxBytes,
  );
  return {
    ...packet,
    properties: {
      ...properties,
      receiveMaximum: client.inflightMax,
      maximumPacketSizeBytes: sizeMaxBytes,
      topicAliasMaximum: limits.topicAliasMax,
      ...(client.keepAliveS === askedS ? {} : { serverKeepAliveS: client.keepAliveS }),
      ...(assignedClientId === undefined ? {} : { assignedClientIdentifier: assignedClientId }),
    },
  };
}
