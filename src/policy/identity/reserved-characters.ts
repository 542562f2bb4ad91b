/**
 * Which names may be an identity. Names end up in ACL patterns, topics, logs and file lines; one with a wildcard in it would be
 * a pattern of its own (CVE-2017-7650: a client named `#` read everything).
 */

/** Wildcards and control characters (C0, DEL, C1). */
const RESERVED_IN_CLIENT_ID = /[+#\u0000-\u001f\u007f-\u009f]/;
/**
 * User names also carry no level separator, so that `%u` stays one level. Client identifiers may: old clients make such ones
 * by default, and authorization refuses them where a pattern would put them into a topic.
 */
const RESERVED_IN_USERNAME = /[+#/\u0000-\u001f\u007f-\u009f]/;

/** Position of the first reserved character, -1 when there is none. */
export function reservedInClientId(clientId: string): number {
  return clientId.search(RESERVED_IN_CLIENT_ID);
}

/** Position of the first reserved character, -1 when there is none. */
export function reservedInUsername(username: string): number {
  return username.search(RESERVED_IN_USERNAME);
}
