import assert from 'node:assert/strict';
import { test } from 'node:test';
import { known, unknown } from '../model/fact.ts';
import { kindOfConfig } from './config-kind.ts';

test('the name tells the kind, also where the file cannot be read', () => {
  const unread = unknown('permission-denied', 'no');
  for (const [file, kind] of [
    ['/etc/mosquitto/mosquitto.conf', 'mosquitto'],
    ['/etc/emqx/emqx.conf', 'emqx'],
    ['/var/lib/emqx/configs/cluster.hocon', 'emqx'],
    ['/opt/hivemq/conf/config.xml', 'hivemq'],
    ['/srv/sallyport.yaml', 'gateway'],
    ['/srv/broker.conf', undefined],
  ] as const) {
    assert.equal(kindOfConfig(file, unread), kind, file);
  }
});

test('else what stands in it does, and where it does not, nothing is guessed', () => {
  for (const [text, kind] of [
    ['# x\nlistener 1883\nallow_anonymous false\n', 'mosquitto'],
    ['node { cookie = "x" }\n', 'emqx'],
    ['authentication.1.backend = http\n', 'emqx'],
    ['<?xml version="1.0"?><hivemq/>', 'hivemq'],
    ['listeners:\n  - name: a\n', 'gateway'],
    ['hello\n', undefined],
    ['', undefined],
  ] as const) {
    assert.equal(kindOfConfig('/srv/broker', known(text, '/srv/broker')), kind, text);
  }
});
