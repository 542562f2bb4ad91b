/** What authorization answers: always with the author of the answer. */

export interface AccessDecision {
  readonly allowed: boolean;
  /** The rule that decided, such as `acl:/etc/sallyport/acl:7`, or `acl:default` when nothing granted it. */
  readonly by: string;
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
  /** `username` undefined is the anonymous client. */
  forClient(username: string | undefined, clientId: string): ClientAuthorization;
}
