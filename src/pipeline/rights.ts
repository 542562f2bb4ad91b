/** What a client may do: as the policy has it for its identity, or as the quarantine's role has it while it is confined. */
import type { ClientAuthorization } from '../policy/authorization/decision.ts';
import { type Client, subjectOf, suspectOf } from './client.ts';

export function rightsOf(client: Client): ClientAuthorization {
  // INVARIANT: nobody is asked for before it is known who the client is.
  const identity = client.identity!;
  const { policy } = client;
  const authorizer = isConfined(client) ? policy.quarantine!.authorizer : policy.authorizer;
  return authorizer.forClient(subjectOf(client, identity));
}

export function isConfined(client: Client): boolean {
  return client.policy.quarantine?.confined.holds(suspectOf(client)) === true;
}

/** Whether the client belongs to a decoy and is not there, or the other way round. */
export function isMisplaced(client: Client): boolean {
  const belongsThere = client.policy.quarantine?.hasDecoy === true && isConfined(client);
  return belongsThere !== client.usesDecoy;
}
