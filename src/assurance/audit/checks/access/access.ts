/** The family A as the registry takes it. */
import type { HostFacts } from '../../host/host-facts.ts';
import { defineFamily, type Family } from '../../model/check.ts';
import { ACCESS } from './catalogue.ts';
import { ACCESS_EVALUATORS } from './evaluators.ts';

export const access: Family<HostFacts> = defineFamily('A', ACCESS, ACCESS_EVALUATORS);
