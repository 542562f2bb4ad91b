import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { metricsSchema } from './metrics-schema.ts';

const schema = metricsSchema('/etc/sallyport');
const problems = (given: object): string[] =>
  schema.safeParse(given).error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`) ?? [];

const tls = { certificate: 'a.pem', key: 'b.pem' };
const token = { file: 'token' };

describe('metrics', () => {
  it('are off unless a port is named, and then of this machine', () => {
    const { port, address } = schema.parse({});
    assert.deepEqual([port, address], [undefined, '127.0.0.1']);
    assert.deepEqual(problems({ port: 9464 }), []);
    assert.deepEqual(problems({ port: 9464, address: '::1', token }), []);
  });

  it('are for nobody else before somebody has said for whom', () => {
    const wanted = ['address is reached by others: say who may ask, with allowFrom, token or tls.clientCa'];
    for (const address of ['0.0.0.0', '::', '192.0.2.1']) {
      assert.deepEqual(problems({ port: 9464, address }), wanted);
      // TLS alone hides what is read from others, and lets everybody read.
      assert.deepEqual(problems({ port: 9464, address, tls }), wanted);
      assert.deepEqual(problems({ port: 9464, address, allowFrom: ['10.0.0.0/8'] }), []);
      assert.deepEqual(problems({ port: 9464, address, tls: { ...tls, clientCa: 'ca.pem' } }), []);
      assert.deepEqual(problems({ port: 9464, address, tls, token }), []);
      assert.match(problems({ port: 9464, address, token }).join(), /^token could be read on the way/);
    }
  });

  it('say what is wrong with a key by itself', () => {
    assert.match(problems({ port: 9464, address: 'here' }).join(), /^address "here" is not allowed/);
    assert.match(problems({ port: 9464, address: '::', allowFrom: ['10.0.0.0/33'] }).join(), /^allowFrom.0 /);
    assert.match(problems({ port: 9464, token: 'hunter2hunter2hunter2' }).join(), /^token give the place/);
  });
});
