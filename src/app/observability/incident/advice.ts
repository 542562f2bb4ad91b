/** What to do about an incident, as commands that exist, with the subject quoted for a shell. */
import { isTopicHash } from '../topic-hash.ts';
import type { Incident } from './incident.ts';
import { banName, isBannable, type Live } from './live.ts';
import { shellWord } from './shell-word.ts';

export interface Advice {
  readonly says: string;
  /** Empty where there is none for it. */
  readonly command: string;
}

const FAILED_MANY = 5;
const REFUSED_MANY = 5;

/** The most urgent first. */
export function adviceFor(incident: Incident, live: Live | undefined): Advice[] {
  const { subject, logins, refusals, measures } = incident;
  const advice: Advice[] = [];
  const add = (says: string, ...words: string[]): void =>
    void advice.push({ says, command: words.length === 0 ? '' : ['sallyport', ...words].join(' ') });
  const guessed = logins.failed >= FAILED_MANY;
  const denied = refusals.filter(({ name }) => /^(publish|subscribe|will)\.refused$/.test(name));
  const isDenied = denied.reduce((sum, { count }) => sum + count, 0) >= REFUSED_MANY;
  if (guessed && logins.succeeded > 0) {
    for (const { value } of incident.users.slice(0, 3)) {
      add(
        'Logins failed, and one succeeded: take it that the password is known, and give the user a new one where it is kept.',
        ...newPassword(incident, value),
      );
    }
  }
  advice.push(...adviceOnBan(incident, live, guessed || isDenied));
  const [first] = denied;
  if (first?.by.startsWith('acl:') === true) {
    add(
      `See what the ACL file grants, and where it does not (${first.by}); if the device is yours and should, grant it.`,
    );
  } else if (first !== undefined && incident.users.length > 0) {
    const example = first.examples[0];
    const flag = first.name === 'subscribe.refused' ? '--subscribe' : '--publish';
    if (example !== undefined && isTopicHash(example)) {
      add(
        'Its topics are hashed here: `sallyport journal search --topic TOPIC` finds one that you know, and `sallyport policy explain` says which rule refuses it.',
      );
    } else if (example !== undefined) {
      add(
        'See which rule refused it and what it may do; if the device is yours and should, grant it.',
        'policy',
        'explain',
        `--user=${shellWord(incident.users[0]!.value)}`,
        ...(incident.clients[0] === undefined ? [] : [`--client-id=${shellWord(incident.clients[0].value)}`]),
        `${flag}=${shellWord(example)}`,
      );
    }
  }
  if (measures.some(({ name }) => name === 'response.rolled-back')) {
    add('A detector has hit known-good clients: see what it counts before you ban anybody by hand.', 'ban', 'list');
  }
  if (incident.records === 0) return advice;
  const filter = `--${subject.kind}=${shellWord(subject.value)}`;
  add('Keep the evidence: prove that the journal is whole, and export what concerns it.', 'journal', 'verify');
  const since = `--since=${new Date(incident.sinceMs).toISOString()}`;
  add('', 'journal', 'export', filter, since, '--format=jsonl', '>', 'incident.jsonl');
  return advice;
}

/** Nothing where passwords are kept elsewhere. */
function newPassword({ refusals }: Incident, username: string): string[] {
  const by = refusals.find(({ name }) => name === 'authentication.failed')?.by ?? '';
  const name = shellWord(username);
  if (by.startsWith('users')) return ['users', 'set-password', '--generate', '--', name];
  return by.startsWith('password-file') ? ['passwd', 'add', '--generate', '--', name] : [];
}

function adviceOnBan({ subject, addresses }: Incident, live: Live | undefined, isHostile: boolean): Advice[] {
  if (!isBannable(subject)) {
    const [address] = addresses;
    if (!isHostile || address === undefined) return [];
    const says = 'Nobody can be banned by such a name: shut out where it comes from.';
    return [{ says, command: `sallyport ban add ${shellWord(address.value)} --for 24h --reason 'see the incident'` }];
  }
  const named = shellWord(banName(subject));
  if (live?.allowedBy != null) {
    const says = `It lies in ${live.allowedBy} of bans.allow and is never banned: look at the machine itself, or take it off that list.`;
    return [{ says, command: '' }];
  }
  if (live?.isBanned === true) {
    return [
      {
        says: 'It is banned. If it is one of yours and mended, let it in again.',
        command: `sallyport ban remove ${named} --reason mended`,
      },
    ];
  }
  if (!isHostile) return [];
  const who = subject.kind === 'user' ? 'If the account is taken over, shut it out' : 'Shut it out';
  return [
    {
      says: `${who}, at once and on open connections too.`,
      command: `sallyport ban add ${named} --for 24h --reason 'see the incident'`,
    },
  ];
}
