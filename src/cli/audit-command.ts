/** `sallyport audit`: what is weak, how we know, how to mend it; on this host, in brokers' configurations, at endpoints. */
import { auditEverything } from './audit/audit-run.ts';
import { compareFiles, makeBaseline } from './audit/baseline.ts';
import { explainCheck, listChecks } from './audit/catalogue.ts';
import { auditConfigFiles } from './audit/config-files.ts';
import { FIX_OPTIONS, fix } from './audit/fix.ts';
import { importReports } from './audit/import.ts';
import { AUDIT_OPTIONS, AuditExit } from './audit/options.ts';
import { PROBE_OPTIONS, probeEndpoints } from './audit/probe.ts';
import { auditTls } from './audit/tls-endpoints.ts';
import { WATCH_OPTIONS, watchAudit } from './audit/watch.ts';
import { type Command, goingWith, type Invocation, JSON_OPTION, UsageError } from './command.ts';
import { verbOf } from './subcommand.ts';
import { printError } from './terminal.ts';

/** A verb a line. Without one, everything is audited that is found. */
const ACTIONS: Readonly<Record<string, (invocation: Invocation) => Promise<number>>> = {
  host: (invocation) => auditEverything(invocation, ['host']),
  tls: auditTls,
  config: auditConfigFiles,
  import: importReports,
  watch: watchAudit,
  list: listChecks,
  explain: explainCheck,
  probe: probeEndpoints,
  baseline: makeBaseline,
  compare: compareFiles,
  fix,
};

/** How many words may follow a verb. */
const WORDS_MAX: Readonly<Record<string, number>> = {
  host: 0,
  list: 0,
  explain: 1,
  baseline: 1,
  compare: 2,
  fix: 2,
  watch: 0,
};

const JSON_OPTIONS = goingWith(
  ['', 'host', 'tls', 'probe', 'config', 'import', 'watch', 'list', 'explain', 'compare', 'fix plan', 'fix apply'],
  { json: JSON_OPTION },
);

const IS_OPERATORS: readonly string[] = ['UsageError', 'OperatorError', 'ConfigError', 'FileFaultError'];

export const auditCommand: Command = {
  name: 'audit',
  usage: [
    '[options]',
    'host [options]',
    'tls HOST:PORT… [options]',
    'probe URL… [--active] [--user NAME --password-file FILE] [options]',
    'config FILE… [--kind KIND] [options]',
    'import REPORT… [options]',
    'watch [--every SECONDS] [--state FILE] [--metrics FILE] [options]',
    'list [--json]',
    'explain CHECK [--json]',
    'baseline FILE [options]',
    'compare EARLIER LATER [--fail-on SEVERITY] [--json]',
    'fix plan [--only CHECKS] [--admin NETWORK]… [--json]',
    'fix apply --yes [--only CHECKS] [--admin NETWORK]… [options]',
    'fix confirm FOLDER',
    'fix revert FOLDER',
  ],
  wordsMax: 2000,
  description:
    'Looks for weaknesses and says how to mend them. Without a verb: this host and the brokers found on it. Nothing is changed but by `fix apply --yes`. What cannot be told (a missing tool, file or privilege) is said to be unknown, and is neither a pass nor a failure.',
  options: { ...AUDIT_OPTIONS, ...FIX_OPTIONS, ...PROBE_OPTIONS, ...WATCH_OPTIONS, ...JSON_OPTIONS },
  examples: [
    ['sallyport audit', 'This host and what runs on it'],
    ['sallyport audit host --root /mnt/image', 'An image that is mounted there'],
    ['sallyport audit tls broker.example:8883 --ca ca.crt', 'What an endpoint speaks, and its certificates'],
    ['sallyport audit config /etc/emqx/emqx.conf', 'One configuration; its kind is told from its name or its text'],
    ['sallyport audit import arf.xml', 'What OpenSCAP or Lynis has found, beside what this audit finds on the host'],
    ['sallyport audit --fail-on high --json > audit.json', 'A gate for a deployment'],
    ['sallyport audit -o audit.html -o audit.sarif', 'For people and for code scanning, in one run'],
    ['sallyport audit --baseline before.json --new-only', 'Only what is new since `audit baseline before.json`'],
    ['sallyport audit fix plan --only A,M', 'What would be changed to mend these, as diffs; nothing is written'],
    [
      'sallyport audit probe mqtts://broker.example.org:8883',
      'What that broker lets a stranger do; nothing is published',
    ],
    ['sallyport audit watch --every 3600', 'What becomes weak or is mended from now on, as lines of JSON'],
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
    try {
      return await runVerb(invocation);
    } catch (error) {
      if (error instanceof Error && IS_OPERATORS.includes(error.name)) throw error;
      // A gate must be able to tell a bug from a finding.
      printError(
        `The audit broke, which is a bug in Sallyport: ${error instanceof Error ? (error.stack ?? error.message) : error}`,
      );
      return AuditExit.Internal;
    }
  },
};

async function runVerb(invocation: Invocation): Promise<number> {
  const [verb, ...rest] = invocation.words;
  if (verb === undefined) return auditEverything(invocation);
  const action = verbOf('audit', ACTIONS, verb);
  const wordsMax = WORDS_MAX[verb] ?? Number.POSITIVE_INFINITY;
  if (rest.length > wordsMax) throw new UsageError(`"${rest[wordsMax]}" is one word too many for audit ${verb}.`);
  return action(invocation);
}
