/** A moment as requests write it. */
import { z } from 'zod';
import { complaint } from '../config/fields.ts';

const WANTED = 'a time such as 2026-07-06T08:00:00Z';
const error = (issue: { input?: unknown }): string => complaint(issue.input, WANTED);

/** ISO 8601 with its zone, in; milliseconds since the epoch, out. */
export const timeText = z
  .string({ error })
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/, { error })
  .transform((given, context) => {
    const timeMs = Date.parse(given);
    if (!Number.isNaN(timeMs)) return timeMs;
    context.addIssue({ code: 'custom', message: complaint(given, WANTED), input: given });
    return z.NEVER;
  });
