import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { normaliseAddress } from '../base/ip-address.ts';
import { encodeProxyHeader } from './proxy-header.ts';
import { parseProxyHeader } from './proxy-protocol.ts';

const facts = { connectionId: 'c1', listener: 'tls', address: '192.0.2.7', port: 50_000, secure: false };

/** The extensions of a header, type by type; those about TLS with their own. */
function extensions(header: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  const walk = (bytes: Buffer): void => {
    for (let at = 0; at < bytes.length; ) {
      const size = bytes.readUInt16BE(at + 1);
      const value = bytes.subarray(at + 3, at + 3 + size);
      found.set(bytes[at]!, value);
      if (bytes[at] === 0x20) walk(value.subarray(5));
      at += 3 + size;
    }
  };
  walk(header.subarray(16 + (header[13] === 0x11 ? 12 : 36)));
  return found;
}

describe('a PROXY header for the broker', () => {
  it('is read back by our own parser, whatever the address', () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => normaliseAddress(text)!);
    fc.assert(
      fc.property(address, fc.integer({ min: 0, max: 65_535 }), fc.boolean(), (from, port, secure) => {
        const header = encodeProxyHeader({ ...facts, address: from, port, secure });
        const read = parseProxyHeader(header, 'v2');
        assert.deepEqual(read, { kind: 'header', length: header.length, source: { address: from, port } });
      }),
    );
  });

  it('tells of TLS, and of the certificate that was verified', () => {
    const header = encodeProxyHeader({
      ...facts,
      secure: true,
      localAddress: '192.0.2.1',
      localPort: 8883,
      tlsVersion: 'TLSv1.3',
      tlsCipher: 'TLS_AES_256_GCM_SHA384',
    });
    const found = extensions(header);
    assert.equal(found.get(0x20)![0], 0x01);
    assert.equal(found.get(0x21)!.toString(), 'TLSv1.3');
    assert.equal(found.get(0x23)!.toString(), 'TLS_AES_256_GCM_SHA384');
    assert.equal(found.get(0x05)!.toString(), 'c1');
    assert.deepEqual([...header.subarray(20, 24)], [192, 0, 2, 1]);
    assert.equal(header.readUInt16BE(26), 8883);
  });

  it('says of a health check that it is nobody else', () => {
    const header = encodeProxyHeader(undefined);
    assert.equal(header.length, 16);
    assert.deepEqual(parseProxyHeader(header, 'v2'), { kind: 'header', length: 16 });
  });
});
