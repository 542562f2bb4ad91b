/** The family P as the registry takes it. */
import { defineFamily, type Family } from '../../model/check.ts';
import type { ProbeFacts } from '../../probe/facts.ts';
import { PROBES } from './catalogue.ts';
import { PROBE_EVALUATORS } from './evaluators.ts';

export const probes: Family<ProbeFacts> = defineFamily('P', PROBES, PROBE_EVALUATORS);
