/** How a server that knows users is recognized: by the CAs that the operator names, or by those that the runtime brings. */
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import { OperatorError } from '../config/problem.ts';
import { readPlainText } from '../plain-file.ts';

export interface BackendTls {
  readonly ca?: string | undefined;
  readonly serverName?: string | undefined;
}

/** @throws {OperatorError} when the file cannot be read. */
export async function tlsOptionsOf({ ca, serverName }: BackendTls, host: string): Promise<ConnectionOptions> {
  const options: ConnectionOptions = { minVersion: 'TLSv1.2', ...recognizedBy(serverName ?? host) };
  if (ca === undefined) return options;
  let text: string;
  try {
    text = await readPlainText(ca);
  } catch (error) {
    throw new OperatorError(`The CA file ${ca} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
  try {
    // What is no certificate would otherwise show at the first login.
    new X509Certificate(text);
  } catch {
    throw new OperatorError(`The CA file ${ca} holds no certificate in PEM.`);
  }
  return { ...options, ca: text };
}

/** An address is no name to ask for [RFC 6066 3]; the certificate has to be for it all the same. */
function recognizedBy(name: string): ConnectionOptions {
  if (isIP(name) === 0) return { servername: name };
  return { checkServerIdentity: (_asked, certificate) => checkServerIdentity(name, certificate) };
}
