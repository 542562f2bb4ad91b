/** The family G as the registry takes it. */
import type { GatewayFacts } from '../../brokers/gateway/facts.ts';
import { defineFamily, type Family } from '../../model/check.ts';
import { GATEWAY } from './catalogue.ts';
import { GATEWAY_EVALUATORS } from './evaluators.ts';

export const gateway: Family<GatewayFacts> = defineFamily('G', GATEWAY, GATEWAY_EVALUATORS);
