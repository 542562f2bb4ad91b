/** A Will whose author has gone: it was permitted at CONNECT, and is judged anew when it is due, by what holds then. */
import { Reason } from '../../mqtt/reason.ts';
import type { Authorizer, PublishFacts } from '../../policy/authorization/decision.ts';
import type { BanIndex } from '../../policy/detection/bans/ban-index.ts';
import { publishOutcome } from '../depending-grant.ts';
import type { QuarantinePolicy } from '../policy.ts';
import { type Refuse, refuse } from '../verdict.ts';
import type { WillAuthor } from '../will-author.ts';
import { type AuthorStanding, lapseOfAuthor } from './authenticate.ts';
import { wordsOf } from './banned.ts';

export interface LeftWillPolicy {
  readonly bans: BanIndex;
  readonly authorizer: Authorizer;
  readonly quarantine: QuarantinePolicy | undefined;
  /** By listener. */
  readonly standings: ReadonlyMap<string, AuthorStanding>;
}

export interface LeftWill extends Omit<PublishFacts, 'payloadBytes'> {
  readonly topic: string;
  readonly payload: Uint8Array;
}

const UNKNOWN_AUTHOR = refuse(Reason.NotAuthorized, 'will:author', 'it is not known who left the Will');

const NO_LISTENER = refuse(
  Reason.NotAuthorized,
  'config:listeners',
  'the listener that its author had come to is no more, and nobody else knows who that was',
);

/** Undefined where it may be published. */
export function refusalOfLeftWill(
  { topic, qos, retain, payload }: LeftWill,
  author: WillAuthor | undefined,
  { bans, authorizer, quarantine, standings }: LeftWillPolicy,
  epochMs: number,
): Refuse | undefined {
  if (author === undefined) return UNKNOWN_AUTHOR;
  const { subject, certificate } = author;
  const { address, username, clientId, listener } = subject;
  const suspect = { address, username, clientId, fingerprint: certificate?.fingerprint };
  const ban = bans.of(suspect);
  if (ban !== undefined) {
    const { by, says } = wordsOf(ban);
    return refuse(Reason.Banned, by, says);
  }
  const standing = standings.get(listener ?? '');
  if (standing === undefined) return NO_LISTENER;
  const lapse = lapseOfAuthor(author, standing, epochMs);
  if (lapse !== undefined) return refuse(Reason.NotAuthorized, lapse.by, lapse.says);
  const inForce = quarantine?.confined.holds(suspect) === true ? quarantine.authorizer : authorizer;
  const decision = inForce.forClient(subject).publish(topic);
  const outcome = publishOutcome(decision.depends?.({ qos, retain, payloadBytes: payload.length }) ?? decision, 0);
  return outcome.kind === 'refuse' ? outcome : undefined;
}
