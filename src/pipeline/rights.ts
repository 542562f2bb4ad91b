/** What a client may do: as the policy has it for its identity, or as the quarantine's role has it while it is confined. */
import type { ClientAuthorization } from '../policy/authorization/decision.ts';
import { type Client, subjectOf, suspectOf } from './client.ts';

export function rightsOf(client: Client): ClientAuthorization {
  // INVARIANT: nobody is asked for before it is known who the client is.
  const identity = client.identity!;
  const { policy } = client;
  const { quarantine } = policy;
  const isConfined = quarantine?.confined.holds(suspectOf(client));
  const authorizer = quarantine !== undefined && isConfined === true ? quarantine.authorizer : policy.authorizer;
  return authorizer.forClient(subjectOf(client, identity));
}
