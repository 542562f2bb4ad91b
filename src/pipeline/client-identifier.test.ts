import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Bench, testPolicy } from '../../test/kit/pipeline-bench.ts';
import type { ConnectPacket } from '../mqtt/packet.ts';
import { ANY_CLIENT_ID, type ClientIdRules } from '../policy/identity/client-id-rules.ts';

function benchWith(rules: Partial<ClientIdRules>, version: 4 | 5 = 5): Bench {
  return new Bench(version, testPolicy({ clientIds: { ...ANY_CLIENT_ID, ...rules } }));
}

/** The CONNECT that the server was sent, if any. */
function connectSeen(bench: Bench): ConnectPacket | undefined {
  return bench.link.calls.find(([name]) => name === 'connect')?.[1] as ConnectPacket | undefined;
}

describe('the rules of client identifiers', () => {
  it('refuse before the server sees anything, with an event that names them', async () => {
    for (const version of [4, 5] as const) {
      const bench = benchWith({ form: 'username' }, version);
      const connack = await bench.open({ clientId: 'somebody-else' });
      assert.partialDeepStrictEqual(connack, { reasonCode: version === 5 ? 0x85 : 2 });
      assert.deepEqual(bench.link.calls, []);
      const refused = bench.events.find(({ name }) => name === 'connect.refused');
      assert.partialDeepStrictEqual(refused, {
        reason: 0x85,
        by: 'authentication:clientIds',
        clientId: 'somebody-else',
      });
    }
  });

  it('are asked only once the identity is known: a wrong password is told first', async () => {
    const bench = benchWith({ form: 'username' });
    const connack = await bench.open({ clientId: 'somebody-else', password: Buffer.from('wrong') });
    assert.partialDeepStrictEqual(connack, { reasonCode: 0x86 });
  });

  it('assign what the identity may have, and the server, the client and its grants hear of nothing else', async () => {
    const bench = benchWith({ form: 'prefix', template: '%u:' });
    const connack = await bench.open({ clientId: '' });
    const assigned = 'tester:070707070707070707070707';
    assert.partialDeepStrictEqual(connack, { reasonCode: 0, properties: { assignedClientIdentifier: assigned } });
    assert.equal(connectSeen(bench)?.clientId, assigned);
    const { client } = bench.connection;
    assert.deepEqual(
      [client.clientId, client.identity?.clientId, client.connect?.clientId],
      [assigned, assigned, assigned],
    );
  });

  it('let pass what fits, as it is', async () => {
    const bench = benchWith({ form: 'prefix', template: '%u:' });
    const connack = await bench.open({ clientId: 'tester:7' });
    assert.partialDeepStrictEqual(connack, { reasonCode: 0 });
    assert.equal(connectSeen(bench)?.clientId, 'tester:7');
  });
});
