/** How a server that knows users is recognized: by the CAs that the operator names, or by those that the runtime brings. */
import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import { OperatorError } from '../config/problem.ts';

export interface BackendTls {
  readonly ca?: string | undefined;
  readonly serverName?: string | undefined;
}

/** @throws {OperatorError} when the file cannot be read. */
export async function tlsOptionsOf({ ca, serverName }: BackendTls, host: string): Promise<ConnectionOptions> {
  const options: ConnectionOptions = { minVersion: 'TLSv1.2', servername: serverName ?? host };
  if (ca === undefined) return options;
  try {
    return { ...options, ca: await readFile(ca, 'utf8') };
  } catch (error) {
    throw new OperatorError(`The CA file ${ca} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}
