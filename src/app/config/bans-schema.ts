/** Whom the gateway never bans, and for how long it bans the others. */
import { z } from 'zod';
import { prefixOf } from '../../base/ip-address.ts';
import { complaint, duration, list, section, wholeNumber } from './fields.ts';

const ALLOW_MAX = 10_000;

function about(description: string): { description: string } {
  return { description };
}

/** An address or a network in CIDR notation. */
export function networkField() {
  const wanted = 'an address, or a network such as 10.0.0.0/8 or fd00::/8';
  return z
    .string({ error: (issue) => complaint(issue.input, wanted) })
    .refine((given) => prefixOf(given) !== undefined, { error: (issue) => complaint(issue.input, wanted) });
}

export const bansSchema = section({
  allow: list(networkField(), { min: 0, max: ALLOW_MAX, what: 'networks' })
    .prefault(['127.0.0.1', '::1'])
    .meta(about('Addresses and networks that are never banned, whoever asks for it.')),
  duration: duration({ min: '1s', max: '365d' }).prefault('10m').meta(about("A detector's first ban of somebody.")),
  factor: wholeNumber({ min: 1, max: 100 })
    .prefault(4)
    .meta(about('Each further ban of the same one is so many times as long.')),
  durationMax: duration({ min: '1s', max: '3650d' }).prefault('7d').meta(about("The longest of a detector's bans.")),
  jitterPercent: wholeNumber({ min: 0, max: 100 })
    .prefault(20)
    .meta(about('Up to so much is added by chance, so that many do not come back at once.')),
  forgetAfter: duration({ min: '1m', max: '3650d' })
    .prefault('30d')
    .meta(about('After so long without a ban the next one counts as the first.')),
  entriesMax: wholeNumber({ min: 1, max: 10_000_000 })
    .prefault(1_000_000)
    .meta(about('Bans at once; at the ceiling the one that ends soonest makes room.')),
})
  .superRefine(
    (given, context) => {
      if (given.duration <= given.durationMax) return;
      const message = 'is shorter than duration, the first ban: make it at least as long';
      context.addIssue({ code: 'custom', path: ['durationMax'], message });
    },
    { when: ({ value }) => typeof value === 'object' && value !== null },
  )
  .transform(({ duration: first, durationMax, forgetAfter, ...rest }) => ({
    ...rest,
    durationMs: first,
    durationMaxMs: durationMax,
    forgetAfterMs: forgetAfter,
  }));
