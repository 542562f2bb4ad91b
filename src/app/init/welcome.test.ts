import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { layoutOf } from './layout.ts';
import { firstSteps, shellQuoted } from './welcome.ts';

const LISTENERS = [
  { name: 'mqtts', type: 'tls', address: '::', port: 8883 },
  { name: 'wss', type: 'wss', address: '::', port: 8084 },
];

describe('lines to paste', () => {
  it('survive a shell, whatever stands in a path', () => {
    for (const word of ['plain', "it's", 'two words', '$HOME', '`id`', 'a"b', 'a\\b', '*', '~', '']) {
      assert.equal(String(execFileSync('sh', ['-c', `printf %s ${shellQuoted(word)}`])), word);
    }
  });

  it('name the certificate as it is reached from here, and the ports that are open', () => {
    const outcome = {
      layout: layoutOf("it's data"),
      created: [],
      kept: [],
      user: { username: 'device1', password: 'secret' },
      operatorCode: { code: 'k7mp-Xw2c-9fHe-Rt4b-Zq3d', expiresAtMs: 0 },
    };
    const text = firstSteps({ listeners: LISTENERS, outcome, isRunning: true });
    assert.match(
      text,
      /mosquitto_sub --cafile 'it'\\''s data\/ca\/ca\.crt' -h localhost -p 8883 -u device1 -P secret -V 5 /,
    );
    assert.match(text, /npx mqtt pub --ca '.*' -l wss -h localhost -p 8084 --path \/mqtt -u device1 -P secret /);
  });

  it('are not printed without a password to put in them', () => {
    const outcome = { layout: layoutOf('data'), created: [], kept: [], user: undefined, operatorCode: undefined };
    const text = firstSteps({ listeners: LISTENERS, outcome, isRunning: false });
    assert.doesNotMatch(text, /mosquitto_pub/);
    assert.match(text, /npx sallyport passwd add NAME\n/);
  });
});
