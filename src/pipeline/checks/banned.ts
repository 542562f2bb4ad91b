/** Whether the client is shut out: by its address, its user name, its identifier or its certificate. */
import { Reason } from '../../mqtt/reason.ts';
import { type Ban, subjectText } from '../../policy/detection/bans/ban.ts';
import { type Client, suspectOf } from '../client.ts';
import { PASS, refuse, type Verdict } from '../verdict.ts';

const WHAT = {
  address: 'the address',
  network: "the address's network",
  username: 'the user',
  clientId: 'the client identifier',
  certificate: 'the client certificate',
} as const;

/** Who decided, and one sentence for the one who is shut out: the ban's own reason is not for them. */
export function wordsOf({ subject }: Ban): { by: string; says: string } {
  return { by: `ban:${subjectText(subject)}`, says: `${WHAT[subject.kind]} is banned` };
}

/**
 * Asked before anything else of a CONNECT, with the names that it shows, and again once it is known who the client is: the
 * address was asked about when the connection came, but much may have happened since.
 */
export function banned(client: Client): Verdict {
  const ban = banOf(client);
  if (ban === undefined) return PASS;
  const { by, says } = wordsOf(ban);
  return refuse(Reason.Banned, by, says);
}

export function banOf(client: Client): Ban | undefined {
  return client.policy.bans?.of(suspectOf(client));
}
