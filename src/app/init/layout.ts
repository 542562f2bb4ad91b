/** What a data directory of our making holds, and where. */
import { join } from 'node:path';

export interface Layout {
  readonly directory: string;
  readonly config: string;
  readonly caKey: string;
  readonly caCertificate: string;
  readonly serverKey: string;
  readonly serverCertificate: string;
  readonly users: string;
  readonly acl: string;
  readonly operators: string;
}

export const OPERATORS_FILE = 'operators.db';
export const CONFIG_FILE = 'sallyport.yaml';

export function layoutOf(directory: string): Layout {
  return {
    directory,
    config: join(directory, CONFIG_FILE),
    caKey: join(directory, 'ca', 'ca.key'),
    caCertificate: join(directory, 'ca', 'ca.crt'),
    serverKey: join(directory, 'certs', 'server.key'),
    serverCertificate: join(directory, 'certs', 'server.crt'),
    users: join(directory, 'users'),
    acl: join(directory, 'acl'),
    operators: join(directory, OPERATORS_FILE),
  };
}
