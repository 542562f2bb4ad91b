/** Who an event or a sample is about, once it has logged in. */
import type { Subject } from './detection.ts';

interface Named {
  readonly clientId?: string | undefined;
}

/** The client by its identifier; undefined before it has one. */
export function clientOf({ clientId }: Named): Subject | undefined {
  return clientId === undefined ? undefined : { kind: 'clientId', value: clientId };
}
