/** The hardened counterpart of a Mosquitto configuration, in one file: what is included stands where it was included. */
import { posix } from 'node:path';
import { PACKAGED_CONFIGURATION } from '../brokers/mosquitto/configured-listeners.ts';
import { mosquittoSubject } from '../brokers/mosquitto/subject.ts';
import { ChangedSystem } from '../fix/changed-system.ts';
import { STEP_DEFAULTS } from '../fix/fix-step.ts';
import { planFixes } from '../fix/plan.ts';
import { visible } from '../model/evidence-text.ts';
import { type Fact, mapFact } from '../model/fact.ts';
import type { AuditContext } from '../model/subject.ts';
import { placedTarget } from '../model/target.ts';
import type { AuditedSystem } from '../system/audited-system.ts';

/** The text, which ends with what is left to a person; absent where there is no configuration. */
export async function hardenedMosquitto(context: AuditContext): Promise<Fact<string>> {
  const place = PACKAGED_CONFIGURATION;
  const flat = await flattened(context.system, place);
  if (flat.state !== 'known') return flat;
  const whole = { ...STEP_DEFAULTS, texts: [{ path: place, before: undefined, after: flat.value }] };
  const system = new ChangedSystem(context.system, [whole]);
  const jobs = [{ subject: mosquittoSubject, target: placedTarget('mosquitto', place) }];
  const plan = await planFixes({ ...context, system }, jobs, { isWanted: () => true });
  const changed = plan.steps.flatMap(({ texts }) => texts).find(({ path }) => path === place)?.after ?? flat.value;
  const left = plan.byHand.map(({ result: { check, outcome } }) => {
    const subject = outcome.subject === undefined ? '' : ` (${outcome.subject})`;
    return `#   ${check.id} ${visible(`${check.title}${subject}: ${check.remediation.text}`)}`;
  });
  const head = [`# ${place} as hardened by sallyport: it takes the place of that file and of what it includes.`];
  if (left.length > 0) head.push('# Left to you:', ...left);
  return mapFact(flat, () => `${head.join('\n')}\n\n${changed}`);
}

/** `include_dir` replaced by what it includes, in Mosquitto's order. */
async function flattened(system: AuditedSystem, place: string): Promise<Fact<string>> {
  const main = await system.readText(place);
  if (main.state !== 'known') return main;
  const lines: string[] = [];
  for (const line of main.value.replace(/\r?\n$/, '').split(/\r?\n/)) {
    const folder = /^ *include_dir[ \t]+(.*?)[ \t]*$/.exec(line)?.[1];
    if (folder === undefined) {
      lines.push(line);
      continue;
    }
    const names = await system.list(folder);
    if (names.state === 'unknown') return names;
    for (const name of names.state === 'known' ? names.value : []) {
      if (!name.endsWith('.conf')) continue;
      const path = posix.join(folder, name);
      const text = await system.readText(path);
      if (text.state === 'unknown') return text;
      if (text.state === 'known') lines.push(`# from ${visible(path)}`, text.value.replace(/\r?\n$/, ''));
    }
  }
  return mapFact(main, () => `${lines.join('\n')}\n`);
}
