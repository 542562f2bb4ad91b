/** The family L as the registry takes it. */
import { defineFamily, type Family } from '../../model/check.ts';
import type { ScannerFacts } from '../../scanners/facts.ts';
import { SCANNERS } from './catalogue.ts';
import { SCANNER_EVALUATORS } from './evaluators.ts';

export const scanners: Family<ScannerFacts> = defineFamily('L', SCANNERS, SCANNER_EVALUATORS);
