/** How detections are answered, and when an answer is taken back. */
import { z } from 'zod';
import { duration, section, wholeNumber } from './fields.ts';

function about(description: string): { description: string } {
  return { description };
}

const throttleSchema = section({
  messagesPerSecond: wholeNumber({ min: 1, max: 1_000_000 })
    .prefault(5)
    .meta(about('Messages a second that a throttled client, user, address or network may publish.')),
  duration: duration({ min: '1s', max: '30d' }).prefault('10m').meta(about('How long it is throttled.')),
});

const rollbackSchema = section({
  sharePercent: wholeNumber({ min: 1, max: 100 })
    .prefault(10)
    .meta(about("Known-good clients that one detector's responses may hit, in percent of those that are connected.")),
  clientsMin: wholeNumber({ min: 1, max: 1_000_000 })
    .prefault(3)
    .meta(about('With fewer of them nothing is taken back, whatever their share.')),
  window: duration({ min: '1s', max: '1d' })
    .prefault('5m')
    .meta(about('The time in which they are counted, and for which the detector is only heard afterwards.')),
});

const quarantineSchema = section({
  role: z
    .string()
    .min(1)
    .optional()
    .meta(
      about(
        'The role of the policy file that a client in quarantine has, and no other. Without a role and an upstream its connection is ended.',
      ),
    ),
  upstream: z
    .string()
    .min(1)
    .optional()
    .meta(
      about(
        'The upstream that a client in quarantine is sent to in place of its own: a decoy. Its open connection is ended, so that it comes again and gets there.',
      ),
    ),
  duration: duration({ min: '1s', max: '30d' }).prefault('1h').meta(about('How long it is in quarantine.')),
});

export const responseSchema = section({
  throttle: throttleSchema.prefault({}).meta(about('What the response throttle does.')),
  quarantine: quarantineSchema.prefault({}).meta(about('What the response quarantine does.')),
  rollback: rollbackSchema.prefault({}).meta(about('When responses are taken back.')),
}).transform(({ throttle, quarantine, rollback }) => ({
  throttle: { messagesPerSecond: throttle.messagesPerSecond, durationMs: throttle.duration },
  quarantine: { role: quarantine.role, upstream: quarantine.upstream, durationMs: quarantine.duration },
  rollback: { sharePercent: rollback.sharePercent, clientsMin: rollback.clientsMin, windowMs: rollback.window },
}));
