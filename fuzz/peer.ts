/** A client of the gateway under fuzz: its connection, and a reader that demands legal bytes. */

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { ByteBatch } from '../src/base/byte-batch.ts';
import type { ManualClock } from '../src/base/manual-clock.ts';
import { decodePacket } from '../src/mqtt/decode.ts';
import { Deframer, FrameStatus } from '../src/mqtt/deframer.ts';
import { isFault } from '../src/mqtt/fault.ts';
import { PacketType, type ProtocolVersion } from '../src/mqtt/wire.ts';
import { Connection, type ConnectionServices } from '../src/pipeline/connection.ts';
import type { Downstream, DownstreamFacts } from '../src/pipeline/downstream.ts';
import type { ConnectionPolicy } from '../src/pipeline/policy.ts';
import { parseAclFile } from '../src/policy/authorization/acl-file.ts';
import { buildAuthorizer } from '../src/policy/authorization/authorizer.ts';
import { VirtualPatches } from '../src/policy/detection/virtual-patches.ts';
import { buildAuthenticator } from '../src/policy/identity/authenticator.ts';
import { ANY_CLIENT_ID } from '../src/policy/identity/client-id-rules.ts';
import { accept } from '../src/policy/identity/results.ts';
import { LimitsInForce } from '../src/policy/limits/limits-in-force.ts';

/** A socket that forgets what it is told, after checking that it is MQTT. */
export class Sink implements Downstream {
  readonly facts: DownstreamFacts;
  readonly batch = new ByteBatch();
  ended = false;
  constructor(connectionId: string) {
    this.facts = { connectionId, listener: 'fuzz', address: '192.0.2.1', port: 1, secure: false };
  }
  touch(): void {}
  bufferedBytes(): number {
    return 0;
  }
  established(): void {}
  takenBytes(): number {
    return 0;
  }
  pause(): void {}
  resume(): void {}
  end(): void {
    this.ended = true;
  }
  destroy(): void {
    this.ended = true;
  }
}

export class HostilePeer {
  readonly sink: Sink;
  readonly connection: Connection;
  readonly version: ProtocolVersion;
  readonly #deframer: Deframer;
  readonly topics: string[] = [];

  constructor(
    id: string,
    version: ProtocolVersion,
    policy: ConnectionPolicy,
    clock: ManualClock,
    openLink: ConnectionServices['openLink'],
  ) {
    this.version = version;
    this.sink = new Sink(id);
    this.connection = new Connection(this.sink, policy, {
      clock,
      chance: { bytes: (length) => Buffer.alloc(length, id.length), below: () => 0 },
      emit: () => {},
      limits: new LimitsInForce({ clock, emit: () => {} }),
      openLink,
      onGone: () => {},
    });
    this.#deframer = new Deframer({ sender: 'server', version });
  }

  /** INVARIANT: whatever was said to the gateway, what its client is told is legal in its own version. */
  read(): void {
    const { version } = this.connection.client;
    this.#deframer.version = version;
    if (this.sink.batch.length > 0) this.#deframer.push(this.sink.batch.take());
    while (this.#deframer.next() === FrameStatus.Frame) {
      const packet = decodePacket(this.#deframer, version, 'server');
      assert(!isFault(packet), `the gateway sent a legal packet: ${isFault(packet) ? packet.code : ''}`);
      if (packet.type === PacketType.Publish) this.topics.push(packet.topic);
    }
    assert.equal(this.#deframer.fault, undefined, 'the gateway sent a legal stream');
  }
}

/** Everybody is who they say they are; what they may do is in `acl`. */
export function fuzzPolicy(acl: string): ConnectionPolicy {
  return {
    generation: 1,
    protocolVersions: [3, 4, 5],
    limits: {
      connectTimeoutMs: 10_000,
      keepAliveMaxS: 60,
      connectSizeMaxBytes: 4096,
      packetSizeMaxBytes: 4096,
      topicLengthMaxBytes: 256,
      topicDepthMax: 8,
      filtersPerSubscribeMax: 8,
      subscriptionsPerClientMax: 16,
      inflightMax: 8,
      topicAliasMax: 4,
      clientIdLengthMaxBytes: 64,
      usernameLengthMaxBytes: 64,
      willSizeMaxBytes: 65_535,
      retainedMessagesMax: Number.POSITIVE_INFINITY,
      retainedBytesMax: Number.POSITIVE_INFINITY,
      outputBufferMaxBytes: 65_536,
      slowReaderTimeoutMs: 5000,
      receiveRateMinBytesPerS: 256,
      pingOnlyMaxMs: 3_600_000,
    },
    authenticator: buildAuthenticator([
      {
        name: 'fuzz',
        authenticate: (credentials) => Promise.resolve(accept(credentials, credentials.username, 'fuzz', 'x')),
        stillValid: () => true,
      },
    ]),
    authorizer: buildAuthorizer(parseAclFile(acl, 'fuzz.acl'), { subscribe: 'overlapping' }),
    anonymousAllowed: true,
    certificateIdentity: undefined,
    clientIds: ANY_CLIENT_ID,
    deniedPublish: 'acknowledge',
    virtualPatches: new VirtualPatches(),
    decodeRules: { rejectControlCharacters: true, strictClientIdLength: false, userPropertiesMax: 8 },
  };
}
