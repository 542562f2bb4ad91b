/** `sallyport audit tls`: what endpoints speak, and the certificates that they show. */
import { resolve } from 'node:path';
import { subjectOf } from '../../assurance/audit/registry.ts';
import { hasOption, type Invocation, textOption, UsageError } from '../command.ts';
import { auditJobs, withContext } from './audit-run.ts';

/** Options of this verb alone: by their name on the command line, what an audit file calls them. */
const FILES = { ca: 'ca', certificate: 'certificate', key: 'key', crl: 'crl' } as const;

export async function auditTls(invocation: Invocation): Promise<number> {
  const places = invocation.words.slice(1);
  if (places.length === 0) throw new UsageError('audit tls needs an address, such as broker.example:8883.');
  const options: Record<string, unknown> = {};
  for (const [name, key] of Object.entries(FILES)) {
    const path = textOption(invocation, name);
    if (path !== undefined) options[key] = resolve(path);
  }
  const serverName = textOption(invocation, 'server-name');
  if (serverName !== undefined) options['serverName'] = serverName;
  if (hasOption(invocation, 'fetch')) options['fetch'] = true;
  const subject = subjectOf('tls');
  const jobs = places.map((place) => ({ subject, target: subject.targetAt!(place, options) }));
  return withContext(invocation, (context) => auditJobs(invocation, context, jobs));
}
