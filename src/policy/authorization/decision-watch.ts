/** Lets others see each decision when it is first made for a client: a candidate that is compared, a recording that learns. */
import type { AccessDecision, Authorizer, DecisionWatch, DecisionWatcher } from './decision.ts';
import type { Action } from './policy-form.ts';

/** `decide`, and then the watch; just `decide` where nobody watches. */
export function watched(
  watch: DecisionWatch | undefined,
  action: Action,
  decide: (topic: string) => AccessDecision,
): (topic: string) => AccessDecision {
  return watch === undefined ? decide : (topic) => watch(action, topic, decide(topic));
}

/** The authorizer with those who watch it; they are asked for anew with each client. */
export function watchedAuthorizer(authorizer: Authorizer, watchers: () => readonly DecisionWatcher[]): Authorizer {
  return {
    forClient(subject) {
      const watches = watchers().map((watcher) => watcher.forClient(subject));
      return authorizer.forClient(subject, together(watches));
    },
  };
}

function together(watches: readonly DecisionWatch[]): DecisionWatch | undefined {
  if (watches.length <= 1) return watches[0];
  return (action, topic, decision) => {
    let seen = decision;
    for (const watch of watches) seen = watch(action, topic, seen);
    return seen;
  };
}
