/** How a server that we reach over TLS is recognized, wherever one is configured. */
import { path, text } from './fields.ts';

/** `standIn`: what its certificate must be of where no name is given. */
export function recognitionFields(directory: string, standIn = "the URL's host") {
  return {
    ca: path(directory).optional().meta({
      description: 'PEM file of the CAs that its certificate must come from; without it those of the runtime.',
    }),
    serverName: text({ pattern: /^[A-Za-z0-9._-]{1,253}$/, wanted: 'a host name' })
      .optional()
      .meta({ description: `Name to find in its certificate; without it ${standIn}.` }),
  };
}
