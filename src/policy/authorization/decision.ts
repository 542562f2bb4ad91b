/** What authorization answers: always with the author of the answer. */

export interface AccessDecision {
  readonly allowed: boolean;
  /** The rule that decided, such as `acl:/etc/sallyport/acl:7`, or `acl:default` when nothing granted it. */
  readonly by: string;
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
}

export interface Authorizer {
  forClient(subject: Subject): ClientAuthorization;
}
