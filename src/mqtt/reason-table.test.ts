import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AUTH_REASONS,
  CONNACK_REASONS,
  CONNACK_RETURN_CODES,
  checkReason,
  PUBACK_REASONS,
  PUBCOMP_REASONS,
  PUBREC_REASONS,
  PUBREL_REASONS,
  type ReasonRow,
  SUBACK_REASONS,
  SUBACK_RETURN_CODES,
  UNSUBACK_REASONS,
} from './reason-table.ts';
import type { Sender } from './wire.ts';

function legal(row: ReasonRow, sender: Sender): string {
  const codes = Array.from({ length: 256 }, (_, code) => code).filter((code) => !checkReason(row, code, sender));
  return codes.map((code) => code.toString(16).padStart(2, '0')).join(' ');
}

test('each packet has the reason codes that its section lists, typed anew', () => {
  // [MQTT-3.2.2-8]
  assert.equal(legal(CONNACK_REASONS, 'server'), '00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f');
  assert.equal(legal(CONNACK_RETURN_CODES, 'server'), '00 01 02 03 04 05'); // [MQTT311-3.2.2-6]
  assert.equal(legal(PUBACK_REASONS, 'server'), '00 10 80 83 87 90 91 97 99'); // [MQTT-3.4.2-1]
  assert.equal(legal(PUBREC_REASONS, 'server'), '00 10 80 83 87 90 91 97 99'); // [MQTT-3.5.2-1]
  assert.equal(legal(PUBREL_REASONS, 'server'), '00 92'); // [MQTT-3.6.2-1]
  assert.equal(legal(PUBCOMP_REASONS, 'server'), '00 92'); // [MQTT-3.7.2-1]
  assert.equal(legal(SUBACK_REASONS, 'server'), '00 01 02 80 83 87 8f 91 97 9e a1 a2'); // [MQTT-3.9.3-2] [MQTT-3.8.4-7]
  assert.equal(legal(SUBACK_RETURN_CODES, 'server'), '00 01 02 80'); // [MQTT311-3.9.3-2]
  assert.equal(legal(UNSUBACK_REASONS, 'server'), '00 11 80 83 87 8f 91'); // [MQTT-3.11.3-2]
  assert.equal(legal(AUTH_REASONS, 'server'), '00 18'); // [MQTT-3.15.2-1]
  assert.equal(legal(AUTH_REASONS, 'client'), '18 19');
  assert.equal(legal(PUBACK_REASONS, 'client'), '00 80 83 87 90 91 97 99');
});
