/** Mends what the audit finds in Mosquitto's configuration, in the lines where it stands; who may do what is left alone. */
import type { MosquittoConfig, MosquittoListener, Setting } from '../brokers/mosquitto/config.ts';
import type { Directive } from '../brokers/mosquitto/directives.ts';
import { collectMosquitto, type MosquittoFacts } from '../brokers/mosquitto/facts.ts';
import type { Result } from '../model/result.ts';
import type { Target } from '../model/target.ts';
import type { AuditedSystem } from '../system/audited-system.ts';
import { type FixStep, type Planned, type Planner, STEP_DEFAULTS, type TextChange, type Withheld } from './fix-step.ts';
import { LineEdits } from './line-edits.ts';

const EXPIRATION = '14d';
const KEEP_ALIVE_MAX_S = 3600;

interface Editing {
  readonly config: MosquittoConfig;
  readonly facts: MosquittoFacts;
  readonly edits: LineEdits;
  readonly withheld: Withheld[];
}

/** What mends a finding; false where this one is left to a person. */
type Mend = (editing: Editing, finding: Result, listener: MosquittoListener | undefined) => boolean;

/** A setting of the whole broker. */
function broker(name: string, wantedValue: (facts: MosquittoFacts) => string): Mend {
  return (editing) => {
    set(editing, name, editing.config.setting(name), wantedValue(editing.facts));
    return true;
  };
}

/** A setting of one listener, or of the broker where listeners have none of their own. */
function ofListener(name: string, wantedValue: (facts: MosquittoFacts) => string): Mend {
  return (editing, _finding, listener) => {
    if (listener === undefined) return false;
    const setting = editing.config.settingOf(listener, name);
    const value = wantedValue(editing.facts);
    // Where the broker as a whole has it, every listener brings the same finding.
    const isOwn = name === 'max_connections' || name === 'tls_version' || editing.config.isPerListener;
    if (setting.directive === undefined && isOwn) return below(editing, listener, `${name} ${value}`);
    set(editing, name, setting, value);
    return true;
  };
}

function set({ config, edits }: Editing, name: string, { directive }: Setting, value: string): void {
  const line = `${name} ${value}`;
  if (directive !== undefined) edits.replace(directive.file, directive.line, line);
  else edits.append(config.file, line);
}

/** Settings belong to the listener above them. */
function below({ edits }: Editing, { directive }: MosquittoListener, line: string): boolean {
  if (directive === undefined) return false;
  edits.insertAfter(directive.file, directive.line, line);
  return true;
}

function takeOut({ edits }: Editing, { file, line, name, value }: Directive): void {
  edits.replace(file, line, `# taken out by sallyport audit fix: ${name} ${value}`);
}

const MENDS: Readonly<Record<string, Mend>> = {
  M01: (editing, finding, listener) => {
    const { config, withheld } = editing;
    if (listener === undefined || listener.origin === 'local-only') return false;
    const isNamed =
      ['password_file', 'psk_file'].some((name) => config.settingOf(listener, name).value !== '') ||
      config.directivesOf(listener, 'plugin', 'global_plugin', 'auth_plugin').length > 0;
    if (!isNamed) {
      const says =
        'Nothing tells clients apart yet (no password_file, plugin or psk_file): without anonymous access nobody could connect.';
      withheld.push({ check: finding.check.id, says });
      return false;
    }
    const own = config.table === '2.1' ? config.settingOf(listener, 'listener_allow_anonymous') : undefined;
    if (own?.directive !== undefined) set(editing, 'listener_allow_anonymous', own, 'false');
    else set(editing, 'allow_anonymous', config.settingOf(listener, 'allow_anonymous'), 'false');
    return true;
  },
  M12: ofListener('disable_client_cert_date_checks', () => 'false'),
  M13: ofListener('tls_version', () => 'tlsv1.2'),
  M15: broker('max_packet_size', ({ profile }) => String(profile.packetSizeMax)),
  M16: (editing) => {
    // An over-large message is to be refused as a packet (M15), not dropped after it was acknowledged.
    const { directive } = editing.config.setting('message_size_limit');
    if (directive !== undefined) takeOut(editing, directive);
    const packet = editing.config.setting('max_packet_size');
    if (packet.value === '0') set(editing, 'max_packet_size', packet, String(editing.facts.profile.packetSizeMax));
    return true;
  },
  M17: ofListener('max_connections', ({ profile }) => String(profile.connections)),
  M18: (editing, { outcome }) => {
    const name = `${outcome.subject}_messages`;
    set(editing, name, editing.config.setting(name), outcome.subject === 'max_queued' ? '1000' : '20');
    return true;
  },
  M19: broker('persistent_client_expiration', () => EXPIRATION),
  M20: broker('max_keepalive', () => String(KEEP_ALIVE_MAX_S)),
  M21: ofListener('allow_zero_length_clientid', () => 'false'),
  M22: broker('check_retain_source', () => 'true'),
  M24: (editing) => {
    const { config, edits } = editing;
    const messages = config.setting('connection_messages');
    if (messages.directive !== undefined && !['true', '1'].includes(messages.value))
      set(editing, 'connection_messages', messages, 'true');
    for (const one of config.directives) {
      if ((one.name === 'log_type' || one.name === 'log_dest') && one.value === 'none') takeOut(editing, one);
    }
    const types = new Set(config.directives.filter(({ name }) => name === 'log_type').map(({ value }) => value));
    types.delete('none');
    if (types.size === 0 || types.has('all')) return true;
    const lacking = ['error', 'warning', 'notice'].filter((type) => !types.has(type));
    if (lacking.length > 0) edits.append(config.file, ...lacking.map((type) => `log_type ${type}`));
    return true;
  },
  M25: (editing) => {
    const { config, edits } = editing;
    const isLoud = ({ name, value }: Directive): boolean =>
      (name === 'log_type' && (value === 'all' || value === 'debug')) || (name === 'log_dest' && value === 'topic');
    const loud = config.directives.filter(isLoud);
    for (const one of loud) takeOut(editing, one);
    const all = loud.find(({ name, value }) => name === 'log_type' && value === 'all');
    const types = new Set(config.directives.filter(({ name }) => name === 'log_type').map(({ value }) => value));
    const usual = ['error', 'warning', 'notice', 'information'].filter((type) => !types.has(type));
    if (all !== undefined && usual.length > 0)
      edits.insertAfter(all.file, all.line, ...usual.map((type) => `log_type ${type}`));
    return true;
  },
};

/** What may disturb clients that behave well, so that the plan says so. */
const NOTICED: Readonly<Record<string, string>> = {
  M01: 'clients without a name are refused',
  M13: 'clients that know only TLS 1.0 or 1.1 are refused',
  M15: 'packets above the profile are refused',
  M17: 'connections above the profile are refused',
  M19: `sessions of clients that stay away for ${EXPIRATION} are forgotten`,
  M20: `MQTT 3 clients that ask for a keep-alive above ${KEEP_ALIVE_MAX_S} s, or none, are refused`,
  M21: 'clients without a client ID are refused',
};

export const planMosquitto: Planner = async ({ context, findings }) => {
  const targets = new Map(
    findings.filter(({ target }) => target.kind === 'mosquitto').map(({ target }) => [target.id, target] as const),
  );
  const planned = await Promise.all(
    [...targets.values()].map(async (target) => {
      const own = findings.filter((one) => one.target.id === target.id);
      return planOne(target, own, await collectMosquitto(target, context), context.system);
    }),
  );
  return { steps: planned.flatMap(({ steps }) => steps), withheld: planned.flatMap(({ withheld = [] }) => withheld) };
};

async function planOne(
  target: Target,
  findings: readonly Result[],
  facts: MosquittoFacts,
  system: AuditedSystem,
): Promise<Planned> {
  if (facts.config.state !== 'known') return { steps: [] };
  const config = facts.config.value;
  const editing: Editing = { config, facts, edits: new LineEdits(), withheld: [] };
  const mended = new Set<string>();
  const done = new Set<string>();
  for (const finding of findings) {
    const { check, outcome } = finding;
    const mend = MENDS[check.id];
    if (mend === undefined) continue;
    const listener = config.listeners.find(({ label }) => label === outcome.subject);
    // A setting of the whole broker is found once for each listener, and is written once.
    const isOfBroker = (check.id === 'M01' || check.id === 'M21') && !config.isPerListener;
    const key = isOfBroker ? check.id : `${check.id} ${outcome.subject ?? ''}`;
    if (done.has(key)) continue;
    if (check.id === 'M16' && mended.has('M15') && config.setting('message_size_limit').directive === undefined) {
      mended.add('M16');
      continue;
    }
    if (!mend(editing, finding, listener)) continue;
    done.add(key);
    mended.add(check.id);
  }
  const texts: TextChange[] = [];
  for (const path of editing.edits.paths) {
    const text = await system.readText(path);
    if (text.state !== 'known') return { steps: [], withheld: editing.withheld };
    texts.push({ path, before: text.value, after: editing.edits.applyTo(path, text.value) });
  }
  if (texts.length === 0) return { steps: [], withheld: editing.withheld };
  const noticed = [...mended].flatMap((id) => NOTICED[id] ?? []);
  const step: FixStep = {
    ...STEP_DEFAULTS,
    id: target.id,
    title: `Harden ${target.place}`,
    checks: [...mended],
    targetId: target.id,
    risk: noticed.length > 0 ? 'medium' : 'low',
    impact: noticed.length > 0 ? `After the restart ${noticed.join('; ')}.` : 'None that clients notice.',
    texts,
    validator: 'mosquitto',
    validated: target.place,
    afterwards: ['systemctl restart mosquitto'],
  };
  return { steps: [step], withheld: editing.withheld };
}
