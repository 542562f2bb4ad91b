/** The entry of the chain for clients that show nothing. */
import { z } from 'zod';
import { text } from '../fields.ts';
import { entry } from './entry.ts';

export const anonymousEntry = entry(z.literal('anonymous'), {
  role: text({ pattern: /^[^\p{Cc}]{1,256}$/u, wanted: 'the name of a role' })
    .optional()
    .meta({ description: 'Role that such clients have in the policy; without it none but what everybody has.' }),
});
