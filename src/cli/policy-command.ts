/** `sallyport policy`: what a policy file says, why, what others' files would be as one, and what clients make of it. */
import { type Command, goingWith, type Invocation, JSON_OPTION, PLACE_OPTIONS, UsageError } from './command.ts';
import { diffPolicy } from './policy-diff.ts';
import { explainPolicy } from './policy-explain.ts';
import { importPolicy } from './policy-import.ts';
import { learnPolicy } from './policy-learn.ts';
import { shadowPolicy } from './policy-shadow.ts';
import { testPolicy } from './policy-test.ts';
import { verbOf } from './subcommand.ts';

const ACTIONS: Readonly<Record<string, (invocation: Invocation) => Promise<number>>> = {
  explain: explainPolicy,
  import: importPolicy,
  learn: learnPolicy,
  shadow: shadowPolicy,
  test: testPolicy,
  diff: diffPolicy,
};

export const policyCommand: Command = {
  name: 'policy',
  usage: [
    'explain [who] --publish TOPIC | --subscribe FILTER | --receive TOPIC [options]',
    'import [--from FORMAT] FILE…',
    'learn start | stop | status | clear',
    'learn propose [--recording FILE]',
    'learn unused [--recording FILE] [--policy FILE]',
    'shadow',
    'test [FILE…] [--policy FILE]',
    'diff OLD NEW',
  ],
  wordsMax: 65,
  description:
    "Works on the policy file that the configuration names, or on another, without a running gateway. `explain` says whether a client may do something, which grant, role and line decides, which others came near, and what would have to change. Who the client is, is given by options; without --user it is anonymous. `import` prints other products' files as a policy, and on standard error what could not be carried over: Mosquitto's ACL file and dynamic-security JSON, EMQX's acl.conf, policies of AWS IoT Core. `learn` is about what clients really use: start and stop recording it in the running gateway, propose a policy that permits just that, or list what the policy allows and nobody used; propose and unused read a recording also where no gateway runs. `shadow` shows where the candidate policy (authorization.shadowFile) would decide otherwise than the one in force. `test` proves the policy's assertions, and those of the files given, over all clients, topics, messages and times: what is broken comes with a client that breaks it, and what has no effect or reaches far with a warning. `diff` shows what becomes allowed and denied to each role, and who gets or loses it.",
  options: {
    ...goingWith(['explain'], {
      publish: { type: 'string', short: 'p', value: 'TOPIC', says: 'may it publish to this topic?' },
      subscribe: { type: 'string', short: 's', value: 'FILTER', says: 'may it subscribe to this filter?' },
      receive: { type: 'string', short: 'r', value: 'TOPIC', says: 'may it be sent messages on this topic?' },
      user: { type: 'string', short: 'u', value: 'NAME', says: 'the user name' },
      'client-id': { type: 'string', short: 'i', value: 'ID', says: 'the client identifier' },
      role: { type: 'string', value: 'ROLE', multiple: true, says: 'a role that the identity brings (any number)' },
      group: { type: 'string', value: 'GROUP', multiple: true, says: 'a group that it is in (any number)' },
      attribute: {
        type: 'string',
        short: 'a',
        value: 'NAME=VALUE',
        multiple: true,
        says: 'an attribute such as cert.cn=pump-7 (any number)',
      },
      listener: { type: 'string', value: 'NAME', says: 'the listener it comes through' },
      address: { type: 'string', value: 'ADDRESS', says: 'the address it comes from' },
      tls: { type: 'boolean', says: 'it comes with TLS (default: as the listener says)' },
      qos: { type: 'string', value: 'N', says: 'QoS of the message (default: 0)' },
      retain: { type: 'boolean', says: 'the message is retained' },
      payload: { type: 'string', value: 'BYTES', says: 'size of the payload (default: 0)' },
      at: { type: 'string', value: 'TIME', says: 'when, such as 2026-07-06T08:00Z (default: now)' },
    }),
    policy: {
      type: 'string',
      goesWith: ['explain', 'learn unused', 'test'],
      value: 'FILE',
      says: "the policy file (default: the configuration's)",
    },
    from: {
      type: 'string',
      goesWith: ['import'],
      value: 'FORMAT',
      says: 'mosquitto-acl, mosquitto-dynamic-security, emqx-acl or aws-iot (default: as the file looks)',
    },
    recording: {
      type: 'string',
      goesWith: ['learn propose', 'learn unused'],
      value: 'FILE',
      says: "a recording (default: the data directory's)",
    },
    ...goingWith(['explain', 'learn', 'shadow', 'test'], PLACE_OPTIONS),
    ...goingWith(['explain', 'learn', 'shadow', 'test', 'diff'], { json: JSON_OPTION }),
  },
  examples: [
    ['sallyport policy explain --user d42 --publish cmd/x --retain', 'May d42 publish a retained message there?'],
    ['sallyport policy explain --user ann --group ops --subscribe "site/#"', 'With what a directory would tell of her'],
    [
      'sallyport policy explain -u d42 -p cmd/x --policy new.yaml --json',
      'By a file that is not in force, for programs',
    ],
    ['sallyport policy import /etc/emqx/acl.conf > policy.yaml', 'What of it is a policy here'],
    ['sallyport policy learn propose > proposed.yaml', 'What clients were seen doing, as a policy'],
    ['sallyport policy test --policy policy.yaml tests.yaml', 'Does it keep its assertions, and those in tests.yaml?'],
    ['sallyport policy diff policy.yaml next.yaml', 'What would a change change?'],
    ['sallyport policy shadow --json', 'What a candidate would change, for programs'],
  ],
  exitCodes: [
    [0, 'allowed; imported; done; nothing differs, nothing is unused; all assertions hold'],
    [1, 'denied; imported, but a deny was lost; something differs, something is unused; an assertion is not proven'],
    [2, 'the command line, the configuration or the policy has to be mended'],
    [3, 'no gateway is running there'],
  ],
  run(invocation) {
    const action = verbOf('policy', ACTIONS, invocation.words[0]);
    if (action === explainPolicy && invocation.words.length > 1)
      throw new UsageError('policy explain takes only options.');
    return action(invocation);
  },
};
