/** What authorization answers: always with the author of the answer. */
import type { Action } from './policy-form.ts';

/** What a decision about one message may depend on beside its topic. */
export interface PublishFacts {
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly payloadBytes: number;
}

export interface AccessDecision {
  /** False where it depends on more than the topic. */
  readonly allowed: boolean;
  /** The rule that decided, such as `acl:/etc/sallyport/acl:7`, or `acl:default` when nothing granted it. */
  readonly by: string;
  /**
   * There when the answer depends on the message, or on the time: to be asked for each message, with an answer that has no
   * `depends`. The decision as a whole may be kept all the same. Allocates nothing.
   */
  readonly depends?: (facts: PublishFacts) => AccessDecision;
}

/** Whom rights are asked for. What an identity method does not tell is absent. */
export interface Subject {
  /** Undefined is the anonymous client. */
  readonly username: string | undefined;
  readonly clientId: string;
  /** Roles that the identity brought with it, beside those that a policy assigns. */
  readonly roles?: readonly string[];
  /** Groups of a directory, for a policy to make roles of. */
  readonly groups?: readonly string[];
  /** What placeholders and assignments may name, such as `cert.cn` or `claim.site`. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Name of the listener it came through. */
  readonly listener?: string;
  readonly address?: string;
  /** True behind TLS. */
  readonly secure?: boolean;
}

/** One client's rights, compiled for its identity. Synchronous; no allocation on a repeated question. */
export interface ClientAuthorization {
  /** May it publish to this topic name? */
  publish(topic: string): AccessDecision;
  /** May a message on this topic be delivered to it? */
  receive(topic: string): AccessDecision;
  /** May it subscribe to this filter? For a shared subscription, the part behind `$share/name/`. */
  subscribe(filter: string): AccessDecision;
  /** The roles that a policy gives the client, with those that they include. */
  readonly roles?: readonly string[];
  /** Limits that those roles bring, as they were written. */
  readonly limits?: readonly RoleLimit[];
}

/** A limit that a role brings to each client that has it. */
export interface RoleLimit {
  readonly name: string;
  readonly text: string;
  /** Such as `policy.yaml:9 role sensor`. */
  readonly source: string;
}

/**
 * Called where a decision is made and not where it is remembered, so a repeated question costs nothing more. What it returns is
 * remembered in the decision's place: the same, or one with a `depends` that answers the same and watches each message.
 */
export type DecisionWatch = (action: Action, topic: string, decision: AccessDecision) => AccessDecision;

export interface DecisionWatcher {
  forClient(subject: Subject): DecisionWatch;
}

export interface Authorizer {
  /** `watch` sees each of the client's decisions when it is first made. */
  forClient(subject: Subject, watch?: DecisionWatch): ClientAuthorization;
}
