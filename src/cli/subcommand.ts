/** Commands that have verbs: which one the first word names. */
import { nearestWord } from '../base/nearest-word.ts';
import { UsageError } from './command.ts';

/** @throws {UsageError} that shows the nearest verb, or all of them. */
export function verbOf<Action>(
  command: string,
  actions: Readonly<Record<string, Action>>,
  word: string | undefined,
): Action {
  const names = Object.keys(actions);
  if (word === undefined) throw new UsageError(`Say what to do: ${command} ${names.join(', ')}.`);
  const action = Object.hasOwn(actions, word) ? actions[word] : undefined;
  if (action !== undefined) return action;
  const meant = nearestWord(word, names);
  const hint = meant === undefined ? `There are: ${names.join(', ')}.` : `Did you mean ${command} ${meant}?`;
  throw new UsageError(`"${command} ${word}" is unknown. ${hint}`);
}
