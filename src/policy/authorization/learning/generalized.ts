/** A topic or filter as a policy could say it for any client: the client's own names become placeholders. */
import type { Subject } from '../decision.ts';
import { fillIn } from '../topic-pattern.ts';

/** Longer values of a level are no names that a policy would list. */
const LEVEL_MAX_CHARS = 128;
/** What a policy cannot say in a topic; a level with it can only be `+`. */
const UNSAYABLE = /[\u0000-\u001f\u007f-\u009f]|\$\{/;

/** Undefined for what no policy can grant. */
export function generalized(topic: string, subject: Subject): string | undefined {
  const levels = topic.split('/');
  // Behind `$share` a policy never sees anything; a PUBLISH to it is a topic like any other to MQTT, and to nobody else.
  if (levels[0] === '$share') return undefined;
  // `+` does not reach a first level that begins with `$`, so it has to be said as it is.
  if (levels[0]!.startsWith('$') && !isSayable(levels[0]!)) return undefined;
  return levels.map((level, index) => generalizedLevel(level, subject, index === 0)).join('/');
}

function generalizedLevel(level: string, subject: Subject, isFirst: boolean): string {
  if (level === '' || level === '+' || level === '#') return level;
  if (level === subject.username) return placeholderOr('${username}', level, subject, isFirst);
  if (level === subject.clientId) return placeholderOr('${clientId}', level, subject, isFirst);
  return plain(level);
}

/** Where the placeholder would not be filled in with just this, it is no name here. */
function placeholderOr(placeholder: string, level: string, subject: Subject, isFirst: boolean): string {
  return fillIn(placeholder, subject, isFirst) === level ? placeholder : plain(level);
}

function plain(level: string): string {
  return isSayable(level) ? level : '+';
}

function isSayable(level: string): boolean {
  return level.length <= LEVEL_MAX_CHARS && level.isWellFormed() && !UNSAYABLE.test(level);
}
