/** What every entry of the chain can say, whatever its method. */
import type { z } from 'zod';
import { list, section, text } from '../fields.ts';

const LISTENERS_MAX = 64;

const entryName = text({
  pattern: /^[a-z0-9][a-z0-9-]{0,31}$/,
  wanted: 'a name of 1 to 32 lower-case letters, digits and hyphens',
});

/** One entry: `method` first, because it decides which keys there are. */
export function entry<const Method extends string, Shape extends z.core.$ZodLooseShape>(
  method: z.ZodLiteral<Method>,
  shape: Shape,
) {
  return section({
    method: method.meta({ description: 'How this entry proves who a client is.' }),
    name: entryName.optional().meta({
      description: 'What logs call it, and what tells two entries of one method apart; without it the method.',
    }),
    listeners: list(entryName, { min: 0, max: LISTENERS_MAX, what: 'listeners' })
      .prefault([])
      .meta({ description: 'Where it is asked, by the names of listeners; none means everywhere.' }),
    ...shape,
  });
}
