/** The entry of the chain for a web service that is asked. */
import { z } from 'zod';
import { duration, size, wholeNumber } from '../fields.ts';
import { secret } from '../secret.ts';
import { backendFields, backendUrl, plaintextProblem } from './backend-fields.ts';
import { entry } from './entry.ts';

function about(description: string): { description: string } {
  return { description };
}

export function webhookEntry(directory: string) {
  return entry(z.literal('webhook'), {
    url: backendUrl(['https', 'http'], 'https://auth.example.org/mqtt').meta(about('Where logins are posted as JSON.')),
    secret: secret(directory).optional().meta(about('Where the bearer token is kept that the service is shown.')),
    answerSizeMax: size({ min: '64B', max: '1MiB' }).prefault('16KiB').meta(about('Largest answer.')),
    allowedFor: duration({ min: '0s', max: '1h' })
      .prefault('10s')
      .meta(
        about('How long an allow is remembered for the same credentials from the same address; 0s asks each time.'),
      ),
    deniedFor: duration({ min: '0s', max: '1h' })
      .prefault('5s')
      .meta(about('How long a deny, or an ignore, is remembered likewise.')),
    cachedMax: wholeNumber({ min: 1, max: 1_000_000 }).prefault(10_000).meta(about('Answers that are remembered.')),
    ...backendFields(directory),
  }).superRefine(
    (given, context) => {
      const message = plaintextProblem(given, ({ scheme }) => scheme === 'http', 'make the URL https');
      if (message !== undefined) context.addIssue({ code: 'custom', path: ['url'], message });
    },
    { when: ({ value }) => typeof value === 'object' && value !== null },
  );
}
