/** What a method that takes user names does with one that it does not know. */
import { choice } from '../fields.ts';

export function unknownUser() {
  return choice(['deny', 'next']).prefault('deny').meta({
    description: 'deny: a user who is not known here is refused. next: the next method of the chain is asked.',
  });
}
