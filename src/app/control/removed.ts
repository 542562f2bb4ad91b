/** What retention took from the journal while a request read it, as answers name it. */
import { z } from 'zod';

const time = z.string().meta({ description: 'ISO 8601, UTC.' });

export const removedSchema = z.strictObject({ since: time, until: time }).nullable().meta({
  description:
    'Of this time retention removed records while they were read: they are missing here. Null where it did not.',
});
