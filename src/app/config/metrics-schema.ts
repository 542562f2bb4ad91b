/** The `metrics` section: where Prometheus reads the numbers of the gateway, and who may. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { networkField } from './bans-schema.ts';
import { isLoopbackHost } from './chain/backend-fields.ts';
import { complaint, list, path, section, wholeNumber } from './fields.ts';
import { secret } from './secret.ts';

const NETWORKS_MAX = 256;

function about(description: string): { description: string } {
  return { description };
}

function ipAddress() {
  const error = (issue: { input?: unknown }): string =>
    complaint(issue.input, 'an IP address such as 127.0.0.1, or "::" for all');
  return z.string({ error }).refine((given) => isIP(given) !== 0, { error });
}

export function metricsSchema(directory: string) {
  return section({
    port: wholeNumber({ min: 0, max: 65_535 })
      .optional()
      .meta(about('Port that /metrics is served on; without it there is none, and 0 takes one that is free.')),
    address: ipAddress()
      .prefault('127.0.0.1')
      .meta(about('Address of it. One that others reach needs allowFrom, token or tls.clientCa.')),
    allowFrom: list(networkField(), { min: 0, max: NETWORKS_MAX, what: 'networks' })
      .prefault([])
      .meta(about('Addresses and networks that may ask; none means all that reach the address.')),
    token: secret(directory)
      .optional()
      .meta(about('Where the bearer token is kept that whoever asks has to send; 16 characters at least.')),
    tls: section({
      certificate: path(directory).meta(about('PEM file: the certificate, then its intermediates.')),
      key: path(directory).meta(about('PEM file with the private key.')),
      passphrase: secret(directory).optional().meta(about('Where the passphrase of an encrypted key is kept.')),
      clientCa: path(directory)
        .optional()
        .meta(about('PEM file of the CAs that whoever asks needs a certificate of; without it none is asked for.')),
    })
      .optional()
      .meta(about('HTTPS in place of HTTP.')),
    connectionsMax: wholeNumber({ min: 1, max: 1000 }).prefault(16).meta(about('Connections to it at once.')),
  }).superRefine(
    ({ port, address, allowFrom, token, tls }, context) => {
      if (port === undefined || isLoopbackHost(address)) return;
      const refuse = (key: string, message: string): void => context.addIssue({ code: 'custom', path: [key], message });
      if (allowFrom.length === 0 && token === undefined && tls?.clientCa === undefined) {
        refuse('address', 'is reached by others: say who may ask, with allowFrom, token or tls.clientCa');
      } else if (token !== undefined && tls === undefined) {
        refuse('token', 'could be read on the way: add tls, or leave it out and name the scrapers in allowFrom');
      }
    },
    { when: ({ value }) => isWhole(value) },
  );
}

/** Keys that are wrong by themselves are complained about first. */
function isWhole(value: unknown): boolean {
  const given = value as { address?: unknown; allowFrom?: unknown } | null;
  return typeof given === 'object' && typeof given?.address === 'string' && Array.isArray(given.allowFrom);
}
