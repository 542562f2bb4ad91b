/**
 * A hostile broker behind the gateway: what it sends goes through the link and the pipeline, and the client must never see
 * anything that is not legal in its own version.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { ByteBatch } from '../../src/base/byte-batch.ts';
import { ManualClock } from '../../src/base/manual-clock.ts';
import { encodePacket } from '../../src/mqtt/encode.ts';
import { PacketType, type ProtocolVersion } from '../../src/mqtt/wire.ts';
import type { ByteStreamOwner } from '../../src/transports/byte-stream.ts';
import type { Dial, Dialler } from '../../src/transports/upstream/dial.ts';
import type { LinkHost } from '../../src/transports/upstream/link-host.ts';
import { SocketLink } from '../../src/transports/upstream/socket-link.ts';
import { Target as BrokerTarget } from '../../src/transports/upstream/target.ts';
import type { UpstreamStream } from '../../src/transports/upstream/upstream-stream.ts';
import { settled } from '../../test/kit/settled.ts';
import { target, upstreamOptions } from '../../test/kit/upstream-client.ts';
import { mutate } from '../mutate.ts';
import { packetOf, randomPacket } from '../packets.ts';
import { fuzzPolicy, HostilePeer } from '../peer.ts';
import type { Random } from '../random.ts';
import type { Target } from '../target.ts';

const ACL = 'user fuzz\ntopic readwrite a/#\ntopic read #\n';

/** The broker's end of a connection: what the gateway sends there is forgotten. */
class BrokerStream implements UpstreamStream {
  readonly batch = new ByteBatch();
  owner: ByteStreamOwner | undefined;
  start(owner: ByteStreamOwner): void {
    this.owner = owner;
  }
  say(bytes: Uint8Array): void {
    this.owner?.onBytes(bytes, bytes.length);
  }
  touch(): void {
    this.batch.clear(0);
  }
  bufferedBytes(): number {
    return 0;
  }
  takenBytes(): number {
    return 0;
  }
  pause(): void {}
  resume(): void {}
  end(): void {
    this.owner = undefined;
  }
  destroy(): void {
    this.owner = undefined;
  }
}

export class UpstreamTarget implements Target {
  readonly name = 'upstream';
  readonly #clock = new ManualClock();
  readonly #policy = fuzzPolicy(ACL);
  #made = 0;

  async round(random: Random): Promise<number> {
    const version = random.pick([3, 4, 5] as const);
    let stream: BrokerStream | undefined;
    let released = 0;
    const host = this.#host(
      (made) => {
        stream = made;
      },
      () => released++,
    );
    const peer = new HostilePeer(`u${this.#made++}`, version, this.#policy, this.#clock, (receiver, client) => {
      return new SocketLink(host, receiver, client);
    });
    peer.connection.onBytes(encodePacket(connectOf(random, version), version));
    await settled();
    if (stream !== undefined && !random.oneIn(10)) stream.say(connackOf(version));
    await settled();
    let packets = 2;
    for (let count = 1 + random.below(16); count > 0 && !peer.sink.ended; count--) {
      const bytes = hostileBytes(random, version);
      const cut = random.below(bytes.length + 1);
      stream?.say(bytes.subarray(0, cut));
      stream?.say(bytes.subarray(cut));
      if (random.oneIn(4))
        peer.connection.onBytes(encodePacket(packetOf(random, random.pick([3, 4, 5, 6, 7, 8, 12]), version), version));
      peer.read();
      packets++;
    }
    if (random.oneIn(6)) stream?.owner?.onClosed({ by: 'error', says: 'ECONNRESET', bytesIn: 0, bytesOut: 0 });
    if (random.oneIn(6)) this.#clock.advance(random.below(30_000));
    await settled();
    peer.read();
    peer.connection.onClosed({ by: 'peer', says: '', bytesIn: 0, bytesOut: 0 });
    assert.equal(stream?.owner, undefined, 'the link to the broker ends with its client');
    assert.equal(released, 1, 'the client identifier is released once');
    return packets;
  }

  #host(onStream: (stream: BrokerStream) => void, onRelease: () => void): LinkHost {
    const options = upstreamOptions([target(1883)]);
    const broker = new BrokerTarget(options.targets[0]!);
    return {
      options,
      services: {
        clock: this.#clock,
        chance: { bytes: (length) => Buffer.alloc(length), below: () => 0 },
        emit: () => {},
      },
      admit: (packet) => ({ packet }),
      release: onRelease,
      accepted: () => {},
      isTakenOver: () => false,
      pick: (_clientId, _version, tried) => (tried.size === 0 ? broker : undefined),
      hasOther: () => false,
      dial: (_target, dialler: Dialler) => {
        const stream = new BrokerStream();
        queueMicrotask(() => dialler.onStream(stream));
        onStream(stream);
        return { cancel: () => {} } as Dial;
      },
      attemptSucceeded: () => {},
      attemptFailed: () => {},
      lacksVersion5: () => {},
      doubtsVersion5: () => {},
    };
  }

  finish(): void {
    assert.equal(this.#clock.pendingCount, 0, 'no timer is left behind');
  }
}

function connectOf(random: Random, version: ProtocolVersion) {
  return {
    type: PacketType.Connect,
    protocolVersion: version,
    bridge: false,
    cleanStart: true,
    keepAliveS: random.below(100),
    clientId: 'victim',
    username: 'fuzz',
    password: Buffer.from('x'),
    properties: version === 5 && random.oneIn(2) ? { topicAliasMaximum: random.below(8) } : {},
  } as const;
}

function connackOf(version: ProtocolVersion): Buffer {
  const properties = version === 5 ? { topicAliasMaximum: 4 } : {};
  return encodePacket({ type: PacketType.Connack, sessionPresent: false, reasonCode: 0, properties }, version);
}

function hostileBytes(random: Random, version: ProtocolVersion): Buffer {
  const type = random.pick([3, 3, 3, 3, 4, 5, 6, 7, 9, 11, 13] as const);
  const bytes = encodePacket(
    random.oneIn(10) ? randomPacket(random, version, 'server') : packetOf(random, type, version),
    version,
  );
  return random.oneIn(8) ? mutate(random, bytes, random.bytes(8)) : bytes;
}
