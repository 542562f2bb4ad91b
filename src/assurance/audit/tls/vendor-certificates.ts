/** Certificates that brokers' vendors ship with their private keys, by SHA-256 of their DER. */
import type { X509Certificate } from 'node:crypto';

/** From the source repository emqx/emqx, `etc/certs` of versions 2 to 4 and `apps/emqx/etc/certs` of version 5; looked up in November 2026. */
const VENDOR_CERTIFICATES: ReadonlyMap<string, string> = new Map([
  ['7278a19160a61371568c80c5374ccb546681a011538815d2655ae83030b48932', 'EMQX (server, 2026)'],
  ['eb434b4b4666fb52a230dc9e144ab3bb1cb59c81e90acb8685f66e3b3b8de403', 'EMQX (authority, 2026)'],
  ['8526f2e2a250cd963319f62d122a976bc3063c11ea01b4b7252ab74f0a8f4540', 'EMQX (server, 2020)'],
  ['47ebe4e6e8adaec636715ace3d0d440b182b9172818a1ab3ac1f7f841666835d', 'EMQX (server, 2016)'],
  ['bbf8e5cb0ff178d54b128dd253181a91ee16ceba4066e98d777d278ec7e7bb3b', 'EMQX (authority, 2016)'],
]);

/** Whose it is; undefined for all others. */
export function vendorOf({ fingerprint256 }: X509Certificate): string | undefined {
  return VENDOR_CERTIFICATES.get(fingerprint256.replaceAll(':', '').toLowerCase());
}
