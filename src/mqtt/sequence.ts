/** The order of one side's packets on a connection, as far as the packets themselves fix it. */
import type { Fault } from './fault.ts';
import {
  AuthenticationMethodChanged,
  AuthUnexpected,
  AuthWithoutMethodInConnect,
  FirstPacketNotConnack,
  FirstPacketNotConnect,
  PacketAfterDisconnect,
  PacketAfterRefusal,
  PacketDuringAuthentication,
  SecondConnack,
  SecondConnect,
  ServerAuthUnasked,
  ServerDisconnectBeforeConnack,
  SessionExpiryRevived,
  SessionPresentAfterCleanStart,
} from './faults.ts';
import type { AuthPacket, ConnackPacket, ConnectPacket, DisconnectPacket, Packet } from './packet.ts';
import { Reason } from './reason.ts';
import { PacketType, type Sender } from './wire.ts';

type State =
  /** CONNECT has yet to come. */
  | 'start'
  /** CONNECT has come, its CONNACK has not. */
  | 'connecting'
  | 'accepted'
  | 'refused'
  | 'disconnected';

/**
 * Judges the packets of one side. `next` hears the type of every packet of that side, before it is decoded; `check` then
 * hears its CONNECT, CONNACK, AUTH and DISCONNECT once decoded; `observe` hears the same of the other side.
 * Packet identifiers are no matter of order: they are the session's.
 */
export class PacketOrder {
  readonly #sender: Sender;
  #state: State = 'start';
  #authenticationMethod: string | undefined;
  #cleanStart = false;
  /** Of CONNECT: 0 when absent. */
  #sessionExpiryIntervalS = 0;
  /** Whose AUTH is due, while an exchange runs. */
  #turn: Sender | undefined;

  constructor(sender: Sender) {
    this.#sender = sender;
  }

  /** What is wrong with a packet of this type now. Changes nothing but that DISCONNECT ends it all. */
  next(type: PacketType): Fault | undefined {
    if (this.#state === 'accepted' && type !== PacketType.Auth) {
      if (type === PacketType.Connect) return SecondConnect; // [MQTT-3.1.0-2] [MQTT311-3.1.0-2]
      if (type === PacketType.Connack) return SecondConnack; // [MQTT-3.2.0-2]
      if (type === PacketType.Disconnect) this.#state = 'disconnected';
      return undefined;
    }
    return this.#sender === 'client' ? this.#nextOfClient(type) : this.#nextOfServer(type);
  }

  #nextOfClient(type: PacketType): Fault | undefined {
    if (this.#state === 'disconnected') return PacketAfterDisconnect; // [MQTT-3.14.4-1] [MQTT311-3.14.4-2]
    if (this.#state === 'start') {
      if (type !== PacketType.Connect) return FirstPacketNotConnect; // [MQTT-3.1.0-1] [MQTT311-3.1.0-1]
      this.#state = 'connecting';
      return undefined;
    }
    if (this.#state === 'refused') return PacketAfterRefusal; // [MQTT-3.1.4-6] [MQTT311-3.1.4-5]
    if (type === PacketType.Connect) return SecondConnect; // [MQTT-3.1.0-2] [MQTT311-3.1.0-2]
    if (type === PacketType.Disconnect) {
      this.#state = 'disconnected';
      return undefined;
    }
    if (type === PacketType.Auth) {
      return this.#authenticationMethod === undefined ? AuthWithoutMethodInConnect : undefined; // [MQTT-4.12.0-7]
    }
    // Without enhanced authentication a client need not wait for CONNACK [MQTT5 3.1.4]; with it, it must [MQTT-3.1.2-30].
    if (this.#state === 'connecting' && this.#authenticationMethod !== undefined) return PacketDuringAuthentication;
    return undefined;
  }

  #nextOfServer(type: PacketType): Fault | undefined {
    if (this.#state === 'disconnected') return PacketAfterDisconnect;
    if (this.#state === 'refused') return PacketAfterRefusal; // [MQTT-3.2.2-7] [MQTT311-3.2.2-5]
    if (type === PacketType.Auth) {
      return this.#authenticationMethod === undefined ? ServerAuthUnasked : undefined; // [MQTT-4.12.0-6]
    }
    if (type === PacketType.Connack) return undefined;
    if (type === PacketType.Disconnect) return ServerDisconnectBeforeConnack; // [MQTT-3.14.0-1]
    return FirstPacketNotConnack; // [MQTT-3.2.0-1] [MQTT311-3.2.0-1]
  }

  /** What is wrong with the content of this side's packet where it has to fit earlier ones; packets without such are passed. */
  check(packet: Packet): Fault | undefined {
    switch (packet.type) {
      case PacketType.Connect:
        this.#onConnect(packet);
        return undefined;
      case PacketType.Connack:
        return this.#onConnack(packet);
      case PacketType.Auth:
        return this.#onAuth(packet, this.#sender);
      case PacketType.Disconnect:
        return this.#sender === 'client' ? this.#checkDisconnect(packet) : undefined;
      default:
        return undefined;
    }
  }

  /** Notes what the other side sent, which its own order has judged. */
  observe(packet: Packet): void {
    if (packet.type === PacketType.Connect) this.#onConnect(packet);
    else if (packet.type === PacketType.Connack) this.#onConnack(packet);
    else if (packet.type === PacketType.Auth) this.#onAuth(packet, this.#sender === 'client' ? 'server' : 'client');
  }

  #onConnect(packet: ConnectPacket): void {
    this.#state = 'connecting';
    this.#authenticationMethod = packet.properties.authenticationMethod;
    this.#cleanStart = packet.cleanStart;
    this.#sessionExpiryIntervalS = packet.properties.sessionExpiryIntervalS ?? 0;
    if (this.#authenticationMethod !== undefined) this.#turn = 'server';
  }

  #onConnack(packet: ConnackPacket): Fault | undefined {
    this.#turn = undefined;
    if (packet.reasonCode !== 0) {
      this.#state = 'refused';
      return undefined;
    }
    this.#state = 'accepted';
    if (packet.sessionPresent && this.#cleanStart) return SessionPresentAfterCleanStart; // [MQTT-3.2.2-2] [MQTT311-3.2.2-1]
    const { authenticationMethod } = packet.properties;
    if (authenticationMethod === this.#authenticationMethod) return undefined;
    // [MQTT-4.12.0-6] [MQTT-4.12.0-5]
    return this.#authenticationMethod === undefined ? ServerAuthUnasked : AuthenticationMethodChanged;
  }

  #onAuth(packet: AuthPacket, by: Sender): Fault | undefined {
    const { reasonCode, properties } = packet;
    // The method never changes [MQTT-4.12.0-5] [MQTT-4.12.1-1]; an empty AUTH of success names none.
    const isEmpty = reasonCode === Reason.Success && properties.authenticationMethod === undefined;
    if (!isEmpty && properties.authenticationMethod !== this.#authenticationMethod) return AuthenticationMethodChanged;
    if (reasonCode === Reason.ReAuthenticate) {
      // Only a client on an accepted connection begins anew, and not twice at a time [MQTT5 4.12.1].
      if (this.#state !== 'accepted' || this.#turn !== undefined) return AuthUnexpected;
      this.#turn = 'server';
      return undefined;
    }
    // Either side speaks when it is asked [MQTT-4.12.0-2] [MQTT-4.12.0-3].
    if (this.#turn !== by) return AuthUnexpected;
    if (reasonCode === Reason.ContinueAuthentication) {
      this.#turn = by === 'client' ? 'server' : 'client';
      return undefined;
    }
    // Success ends a re-authentication; the first authentication ends in CONNACK.
    if (this.#state !== 'accepted') return AuthUnexpected;
    this.#turn = undefined;
    return undefined;
  }

  #checkDisconnect(packet: DisconnectPacket): Fault | undefined {
    const { sessionExpiryIntervalS = 0 } = packet.properties;
    // [MQTT5 3.14.2.2.2]
    return sessionExpiryIntervalS > 0 && this.#sessionExpiryIntervalS === 0 ? SessionExpiryRevived : undefined;
  }
}
