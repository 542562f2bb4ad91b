/** The family M as the registry takes it. */
import type { MosquittoFacts } from '../../brokers/mosquitto/facts.ts';
import { defineFamily, type Family } from '../../model/check.ts';
import { MOSQUITTO } from './catalogue.ts';
import { MOSQUITTO_EVALUATORS } from './evaluators.ts';

export const mosquitto: Family<MosquittoFacts> = defineFamily('M', MOSQUITTO, MOSQUITTO_EVALUATORS);
