/** `sallyport audit`: what is weak, how we know, how to mend it; on this host, in brokers' configurations, at endpoints. */
import { auditEverything } from './audit/audit-run.ts';
import { explainCheck, listChecks } from './audit/catalogue.ts';
import { AuditExit, VIEW_OPTIONS } from './audit/options.ts';
import { type Command, type Invocation, JSON_OPTION, UsageError } from './command.ts';
import { verbOf } from './subcommand.ts';

/** A verb a line. Without one, everything is audited that is found. */
const ACTIONS: Readonly<Record<string, (invocation: Invocation) => Promise<number>>> = {
  host: (invocation) => auditEverything(invocation, ['host']),
  list: listChecks,
  explain: explainCheck,
};

export const auditCommand: Command = {
  name: 'audit',
  usage: ['[options]', 'host [options]', 'list [--json]', 'explain CHECK [--json]'],
  wordsMax: 2000,
  description:
    'Looks for weaknesses and says how to mend them. Without a verb: this host and the brokers found on it. Nothing is changed. What cannot be told (a missing tool, file or privilege) is said to be unknown, and is neither a pass nor a failure.',
  options: { ...VIEW_OPTIONS, json: JSON_OPTION },
  examples: [
    ['sallyport audit', 'This host and what runs on it'],
    ['sallyport audit host --root /mnt/image', 'An image that is mounted there'],
    ['sallyport audit --fail-on high --json > audit.json', 'A gate for a deployment'],
    ['sallyport audit explain U02', 'What a check looks for, why, and what mends it'],
  ],
  exitCodes: [
    [AuditExit.Clean, 'nothing weak was found'],
    [AuditExit.Findings, 'there are findings'],
    [AuditExit.Usage, 'the command line or a file has to be mended'],
    [AuditExit.Incomplete, 'nothing weak was found, but not everything could be told'],
    [AuditExit.Internal, 'a bug in the audit itself'],
  ],
  async run(invocation) {
    const [verb] = invocation.words;
    if (verb === undefined) return auditEverything(invocation);
    const action = verbOf('audit', ACTIONS, verb);
    if (verb !== 'explain' && invocation.words.length > 1) throw new UsageError(`audit ${verb} takes only options.`);
    return action(invocation);
  },
};
