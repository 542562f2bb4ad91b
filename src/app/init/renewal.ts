/** The server certificate's renewal: at a start, when little of its time is left, by the authority that issued it. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import { DAY_MS, issueServerCertificate, namesOf, wasIssuedBy } from './authority.ts';
import { replaceFile } from './durable-file.ts';
import { layoutOf } from './layout.ts';

const RENEW_BEFORE_MS = 30 * DAY_MS;

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Renews the certificate that `initialize` made in this data directory, if it is due: same key, same names. A certificate
 * that came from elsewhere is its owner's business. Returns the new end of its validity, or undefined where nothing was due.
 */
export async function renewServerCertificate(
  directory: string,
  clock: Clock,
  chance: Chance,
): Promise<Date | undefined> {
  const layout = layoutOf(directory);
  const [certificatePem, keyPem, serverPem, serverKeyPem] = await Promise.all(
    [layout.caCertificate, layout.caKey, layout.serverCertificate, layout.serverKey].map(readIfThere),
  );
  if (certificatePem === undefined || keyPem === undefined || serverPem === undefined || serverKeyPem === undefined) {
    return undefined;
  }
  let server: X509Certificate;
  let authority: X509Certificate;
  try {
    server = new X509Certificate(serverPem);
    authority = new X509Certificate(certificatePem);
  } catch {
    // Not ours to judge: opening the listener says what is wrong with the file.
    return undefined;
  }
  if (!wasIssuedBy(server, authority)) return undefined;
  if (server.validToDate.getTime() - clock.epochMs() >= RENEW_BEFORE_MS) return undefined;
  const renewed = await issueServerCertificate(
    { certificatePem, keyPem },
    serverKeyPem,
    namesOf(server),
    clock,
    chance,
  );
  await replaceFile(layout.serverCertificate, renewed);
  return new X509Certificate(renewed).validToDate;
}
