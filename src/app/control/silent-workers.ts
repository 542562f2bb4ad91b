/** Workers that did not answer in time, as answers name them. */
import { z } from 'zod';

/** `says`: what that means for the answer. */
export function silentWorkersSchema(says: string) {
  return z
    .array(z.strictObject({ slot: z.int().min(0), pid: z.int().min(0) }))
    .meta({ description: `Workers that did not answer in time. ${says}` });
}
