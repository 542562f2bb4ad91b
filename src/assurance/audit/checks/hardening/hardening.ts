/** The family H as the registry takes it. */
import type { HostFacts } from '../../host/host-facts.ts';
import { defineFamily, type Family } from '../../model/check.ts';
import { HARDENING } from './catalogue.ts';
import { HARDENING_EVALUATORS } from './evaluators.ts';

export const hardening: Family<HostFacts> = defineFamily('H', HARDENING, HARDENING_EVALUATORS);
