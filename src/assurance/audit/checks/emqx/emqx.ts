/** The family E as the registry takes it. */
import type { EmqxFacts } from '../../brokers/emqx/facts.ts';
import { defineFamily, type Family } from '../../model/check.ts';
import { EMQX } from './catalogue.ts';
import { EMQX_EVALUATORS } from './evaluators.ts';

export const emqx: Family<EmqxFacts> = defineFamily('E', EMQX, EMQX_EVALUATORS);
