import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodePacket } from '../mqtt/encode.ts';
import type { PublishPacket } from '../mqtt/packet.ts';
import { scanPublish, viewToPacket } from '../mqtt/packets/publish.ts';
import { PublishView } from '../mqtt/publish-view.ts';
import { PacketType, type ProtocolVersion, type QoS } from '../mqtt/wire.ts';
import { Deliveries, Delivery } from './delivery.ts';
import { encodeForwarded } from './forwarded-properties.ts';
import { Message } from './message.ts';

const NOW_MS = 1_000_000;

interface Wanted {
  version: ProtocolVersion;
  qos: QoS;
  retain: boolean;
  dup: boolean;
  identifiers: number[];
  alias: number;
  aliasKnown: boolean;
}

const wanted = fc.record({
  version: fc.constantFrom<ProtocolVersion>(3, 4, 5),
  qos: fc.constantFrom<QoS>(0, 1, 2),
  retain: fc.boolean(),
  dup: fc.constant(false),
  identifiers: fc.array(fc.integer({ min: 1, max: 268_435_455 }), { maxLength: 3 }),
  alias: fc.constantFrom(0, 1, 0xffff),
  aliasKnown: fc.boolean(),
});

const messageFields = fc.record({
  topic: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => !/[+#\0]/.test(text)),
  payload: fc.uint8Array({ maxLength: 300 }),
  expiryS: fc.option(fc.integer({ min: 0, max: 0xffffffff }), { nil: undefined }),
  contentType: fc.option(
    fc.string({ maxLength: 5 }).filter((text) => !text.includes('\0')),
    { nil: undefined },
  ),
});

function load(
  delivery: Delivery,
  fields: { topic: string; payload: Uint8Array; expiryS?: number | undefined; contentType?: string | undefined },
) {
  const { topic, payload, expiryS, contentType } = fields;
  const message = new Message({
    id: 1,
    topic,
    payload,
    qos: 2,
    retain: true,
    propertyBytes: encodeForwarded(contentType === undefined ? {} : { contentType }),
    expiresAtMs: expiryS === undefined ? undefined : NOW_MS + expiryS * 1000,
    publisher: 'p',
  });
  delivery.transit.fromMessage(message, () => NOW_MS);
  delivery.begin();
}

function shapeOf(delivery: Delivery, { version, qos, retain, dup, identifiers, alias, aliasKnown }: Wanted) {
  return delivery.shape(version, qos, retain, dup, identifiers, alias, alias !== 0 && aliasKnown);
}

test('each shape of a message is the packet that the codec would write, and the view tells its parts', () => {
  const delivery = new Delivery({ last: 0 });
  fc.assert(
    fc.property(messageFields, fc.array(wanted, { minLength: 1, maxLength: 12 }), (fields, shapes) => {
      load(delivery, fields);
      // Asked for twice in a mixed order, so that remembered shapes are met as well.
      for (const shape of [...shapes, ...shapes]) {
        const view = shapeOf(delivery, shape)!;
        const hidesTopic = shape.version === 5 && shape.alias !== 0 && shape.aliasKnown;
        const packet: PublishPacket = {
          type: PacketType.Publish,
          dup: false,
          qos: shape.qos,
          retain: shape.retain,
          topic: hidesTopic ? '' : fields.topic,
          packetId: shape.qos === 0 ? 0 : 7,
          payload: fields.payload,
          properties: {},
        };
        if (shape.version === 5) {
          packet.properties = {
            ...(fields.expiryS === undefined ? {} : { messageExpiryIntervalS: fields.expiryS }),
            ...(shape.alias === 0 ? {} : { topicAlias: shape.alias }),
            ...(shape.identifiers.length === 0 ? {} : { subscriptionIdentifiers: shape.identifiers }),
            ...(fields.contentType === undefined ? {} : { contentType: fields.contentType }),
          };
        }
        if (shape.qos > 0) {
          view.bytes[view.packetIdAt] = 0;
          view.bytes[view.packetIdAt + 1] = 7;
          view.packetId = 7;
        }
        const bytes = Buffer.from(view.bytes.subarray(view.start, view.end));
        assert.deepEqual(bytes, encodePacket(packet, shape.version));
        const fresh = new PublishView();
        assert.equal(scanPublish(fresh, view, shape.version, 'server'), undefined);
        assert.deepEqual({ ...view, topic: '' }, { ...fresh, topic: '' });
        assert.equal(view.topic, fields.topic);
      }
    }),
  );
});

test('a shape that was asked for is encoded once: the next subscriber gets the same bytes', () => {
  const delivery = new Delivery({ last: 0 });
  load(delivery, { topic: 't', payload: Buffer.from('x') });
  const first = delivery.shape(4, 0, false, false, [], 0, false)!;
  assert.equal(delivery.shape(3, 0, false, false, [], 0, false), first);
  assert.notEqual(delivery.shape(5, 0, false, false, [], 0, false), first);
});

test('a retransmission has DUP set and the rest as it was', () => {
  const delivery = new Delivery({ last: 0 });
  load(delivery, { topic: 't', payload: Buffer.from('x') });
  const view = delivery.shape(5, 1, false, true, [], 0, false)!;
  view.bytes[view.packetIdAt + 1] = 1;
  const fresh = new PublishView();
  assert.equal(scanPublish(fresh, view, 5, 'server'), undefined);
  assert.equal(viewToPacket(fresh).dup, true);
});

test('a message that no longer fits a packet with what is added has no shape', () => {
  const delivery = new Delivery({ last: 0 });
  load(delivery, { topic: 't'.repeat(70_000), payload: Buffer.from('x') });
  assert.equal(delivery.shape(4, 0, false, false, [], 0, false), undefined);
});

test('a kept message owns its bytes', () => {
  const delivery = new Delivery({ last: 4 });
  const bytes = Buffer.from(
    encodePacket(
      {
        type: PacketType.Publish,
        dup: false,
        qos: 0,
        retain: false,
        topic: 't',
        packetId: 0,
        payload: Buffer.from('payload'),
        properties: { contentType: 'c' },
      },
      5,
    ),
  );
  const view = new PublishView();
  assert.equal(scanPublish(view, { bytes, start: 0, bodyStart: 2, end: bytes.length }, 5, 'client'), undefined);
  view.topic = 't';
  delivery.transit.fromView(view, 'p', () => NOW_MS);
  const kept = delivery.transit.keep();
  assert.equal(delivery.transit.keep(), kept);
  bytes.fill(0);
  assert.equal(Buffer.from(kept.payload).toString(), 'payload');
  assert.deepEqual(kept.properties, { contentType: 'c' });
  assert.equal(kept.payload.byteLength, kept.payload.buffer.byteLength);
  assert.equal(kept.id, 5);
});

test('each depth of nesting has a delivery of its own', () => {
  const deliveries = new Deliveries({ last: 0 });
  const outer = deliveries.enter();
  const inner = deliveries.enter();
  assert.notEqual(outer, inner);
  deliveries.leave();
  assert.equal(deliveries.enter(), inner);
  deliveries.leave();
  deliveries.leave();
  assert.equal(deliveries.enter(), outer);
});
