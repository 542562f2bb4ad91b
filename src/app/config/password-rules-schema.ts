/** What a password of the built-in users has to be when it is set, and how long it may serve. */
import { duration, seconds, section, wholeNumber } from './fields.ts';

const NEVER_S = 0;

function about(description: string): { description: string } {
  return { description };
}

export const passwordRulesSchema = section({
  lengthMin: wholeNumber({ min: 1, max: 1024 })
    .prefault(12)
    .meta(about('Characters that a new password has at least.')),
  strengthMin: wholeNumber({ min: 0, max: 4 })
    .prefault(3)
    .meta(about('How hard to guess a new password is at least, from 0 to 4 as zxcvbn counts; 0 asks nothing.')),
  historyMax: wholeNumber({ min: 0, max: 24 })
    .prefault(5)
    .meta(about("A user's last passwords, with the present one, that may not be used again; 0 remembers none.")),
  ageMax: seconds({ min: '1d', max: '3650d' }, NEVER_S)
    .prefault('never')
    .meta(about('Oldest password that still lets its user in; "never" lets it serve for good.')),
  ageWarning: duration({ min: '0s', max: '365d' })
    .prefault('14d')
    .meta(about('How long before its end each login with it is an event, once a day.')),
}).transform(({ ageMax, ageWarning, ...rest }) => ({
  ...rest,
  ageMaxMs: ageMax === NEVER_S ? undefined : ageMax * 1000,
  ageWarningMs: ageWarning,
}));
