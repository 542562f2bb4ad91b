/** The family U as the registry takes it. */
import type { HostFacts } from '../../host/host-facts.ts';
import { defineFamily, type Family } from '../../model/check.ts';
import { UPDATES } from './catalogue.ts';
import { UPDATE_EVALUATORS } from './evaluators.ts';

export const updates: Family<HostFacts> = defineFamily('U', UPDATES, UPDATE_EVALUATORS);
