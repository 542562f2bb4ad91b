/** A TLS endpoint as a target: only ever named, never found, because it may be anybody's. */
import { tlsEndpoint } from '../checks/tls/tls.ts';
import { defineSubject, type Subject } from '../model/subject.ts';
import { tlsTarget } from './endpoint.ts';
import { collectEndpoint } from './facts.ts';

export const tlsSubject: Subject = defineSubject({
  kind: 'tls',
  families: [tlsEndpoint],
  discover: async () => [],
  targetAt: tlsTarget,
  collect: collectEndpoint,
});
