/** The `control` section: the control API over HTTPS. Over the control socket it is always there. */
import { isIP } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { choice, complaint, duration, list, path, section, text, wholeNumber } from './fields.ts';
import { operatorsSchema } from './operators-schema.ts';
import { secret } from './secret.ts';

const HOSTS_MAX = 64;
const HOST = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

function ipAddress() {
  const error = (issue: { input?: unknown }): string =>
    complaint(issue.input, 'an IP address such as 127.0.0.1, or "::" for all');
  return z.string({ error }).refine((given) => isIP(given) !== 0, { error });
}

export function controlSchema(directory: string) {
  return section({
    port: wholeNumber({ min: 0, max: 65_535 })
      .optional()
      .meta({ description: 'Port of the HTTPS listener; without it there is none, and 0 takes one that is free.' }),
    address: ipAddress().prefault('127.0.0.1').meta({ description: 'Address that it listens on.' }),
    hosts: list(text({ pattern: HOST, wanted: 'a host name in lower case, without a port' }), {
      min: 0,
      max: HOSTS_MAX,
      what: 'names',
    })
      .prefault([])
      .meta({
        description: 'Names that it answers to beside those of its certificate, localhost, and plain addresses.',
      }),
    certificate: path(directory)
      .prefault(join('certs', 'server.crt'))
      .meta({ description: 'PEM file: the certificate, then its intermediates.' }),
    key: path(directory).prefault(join('certs', 'server.key')).meta({ description: 'PEM file with the private key.' }),
    passphrase: secret(directory).optional().meta({ description: 'Where the passphrase of an encrypted key is kept.' }),
    clientCa: path(directory).optional().meta({
      description: 'PEM file of the CAs that certificates of operators come from; without it none are asked for.',
    }),
    clientCertificate: choice(['request', 'require'])
      .prefault('require')
      .meta({ description: 'Whether one may come without a certificate, where clientCa is given.' }),
    connectionsMax: wholeNumber({ min: 1, max: 10_000 })
      .prefault(256)
      .meta({ description: 'Open connections, those of watchers among them.' }),
    connectionsPerAddressMax: wholeNumber({ min: 1, max: 10_000 })
      .prefault(64)
      .meta({ description: 'The same of one address.' }),
    requestsPerSecondMax: wholeNumber({ min: 1, max: 100_000 })
      .prefault(50)
      .meta({ description: 'Requests of one address, for long; four times as many at once.' }),
    requestTimeout: duration({ min: '1s', max: '1m' })
      .prefault('5s')
      .meta({ description: 'From the open connection, or the answer before, to a whole request.' }),
    operators: operatorsSchema(directory).prefault({}).meta({ description: 'How operators log in over HTTPS.' }),
  }).transform(({ requestTimeout, ...rest }) => ({ ...rest, requestTimeoutMs: requestTimeout }));
}
