/** The family T, for endpoints and for hosts, as the registry takes it. */
import type { HostFacts } from '../../host/host-facts.ts';
import { defineFamily, type Family } from '../../model/check.ts';
import type { EndpointFacts } from '../../tls/facts.ts';
import { TLS_ENDPOINT } from './catalogue.ts';
import { CERTIFICATE_EVALUATORS } from './certificate-evaluators.ts';
import { TLS_HOST } from './host-catalogue.ts';
import { TLS_HOST_EVALUATORS } from './host-evaluators.ts';
import { PROTOCOL_EVALUATORS } from './protocol-evaluators.ts';

export const tlsEndpoint: Family<EndpointFacts> = defineFamily('T', TLS_ENDPOINT, {
  ...PROTOCOL_EVALUATORS,
  ...CERTIFICATE_EVALUATORS,
});

export const tlsHost: Family<HostFacts> = defineFamily('T', TLS_HOST, TLS_HOST_EVALUATORS);
