/** The family V as the registry takes it. */
import type { HivemqFacts } from '../../brokers/hivemq/facts.ts';
import { defineFamily, type Family } from '../../model/check.ts';
import { HIVEMQ } from './catalogue.ts';
import { HIVEMQ_EVALUATORS } from './evaluators.ts';

export const hivemq: Family<HivemqFacts> = defineFamily('V', HIVEMQ, HIVEMQ_EVALUATORS);
