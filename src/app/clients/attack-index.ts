/** Attacks that go on, found by whom they are laid to. */

import type { OpenAttack } from '../../policy/detection/attacks.ts';
import type { BanSubject } from '../../policy/detection/bans/ban.ts';
import { BanIndex, type Suspect } from '../../policy/detection/bans/ban-index.ts';

interface Entry {
  readonly subject: BanSubject;
  readonly attacks: OpenAttack[];
}

export class AttackIndex {
  readonly #index = new BanIndex<Entry>();

  /** What is laid to a listener is nobody's in particular. */
  constructor(attacks: readonly OpenAttack[]) {
    for (const attack of attacks) {
      const { subjectKind: kind, subject: value } = attack;
      if (kind === 'listener') continue;
      const known = this.#index.get({ kind, value });
      if (known === undefined) this.#index.put({ subject: { kind, value }, attacks: [attack] });
      else known.attacks.push(attack);
    }
  }

  meets(suspect: Suspect): boolean {
    return this.#index.size > 0 && this.#index.of(suspect) !== undefined;
  }

  /** All that are laid to a client, the highest scores first. */
  all({ address, username, clientId, fingerprint }: Suspect): OpenAttack[] {
    const subjects: BanSubject[] = [{ kind: 'address', value: address }];
    if (username !== undefined) subjects.push({ kind: 'username', value: username });
    if (clientId !== undefined) subjects.push({ kind: 'clientId', value: clientId });
    if (fingerprint !== undefined) subjects.push({ kind: 'certificate', value: fingerprint });
    return subjects
      .flatMap((subject) => this.#index.meantFor(subject))
      .flatMap(({ attacks }) => attacks)
      .sort((a, b) => b.score - a.score);
  }
}
