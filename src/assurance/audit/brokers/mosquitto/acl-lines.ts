/** The grants of a Mosquitto ACL file, as tolerantly as Mosquitto reads it: what it would take, an auditor has to see. */

export interface AclLine {
  readonly kind: 'topic' | 'pattern';
  readonly access: string;
  readonly filter: string;
  /** Whose a `topic` is; undefined for anonymous clients and for a `pattern`. */
  readonly username: string | undefined;
  /** Counted from 1. */
  readonly line: number;
}

export function aclLinesIn(text: string): readonly AclLine[] {
  const lines: AclLine[] = [];
  let username: string | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(/\s+$/, '');
    const user = /^user\s+(.+)$/.exec(line);
    if (user !== null) username = user[1];
    const grant = /^(topic|pattern)\s+(?:(readwrite|read|write|deny)\s+)?(.+)$/.exec(line);
    if (grant === null) continue;
    const kind = grant[1] as AclLine['kind'];
    lines.push({
      kind,
      access: grant[2] ?? 'readwrite',
      filter: grant[3]!,
      username: kind === 'topic' ? username : undefined,
      line: index + 1,
    });
  }
  return lines;
}
