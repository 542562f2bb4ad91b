/** The family S as the registry takes it. */
import type { HostFacts } from '../../host/host-facts.ts';
import { defineFamily, type Family } from '../../model/check.ts';
import { SERVICES } from './catalogue.ts';
import { SERVICE_EVALUATORS } from './evaluators.ts';

export const services: Family<HostFacts> = defineFamily('S', SERVICES, SERVICE_EVALUATORS);
