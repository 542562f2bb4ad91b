/** What the running gateway does for each request over the control socket. What operators do is told to the journal. */
import type { Emit } from '../../base/events.ts';
import type { Service } from '../../transports/upstream/target.ts';
import type { BanDesk } from '../bans/ban-desk.ts';
import { OperatorError } from '../config/problem.ts';
import type { Gateway, ReloadOutcome } from '../gateway.ts';
import { setLimits, showLimits, unsetLimits } from '../limit-control.ts';
import type { OperatorAction } from '../observability/operator-action.ts';
import { VERSION } from '../version.ts';
import type { Learner } from '../watching/learner.ts';
import { parseAuditNote } from './audit-note.ts';
import { type ControlRequest, isAction, type ParsedRequest } from './protocol.ts';

export interface ControlServices {
  readonly gateway: Gateway;
  readonly learner: Learner;
  readonly banDesk: BanDesk;
  readonly reload: () => Promise<ReloadOutcome>;
  readonly onAction: (action: OperatorAction) => void;
  readonly emit: Emit;
}

type Answer = (words: readonly string[], who: string) => Promise<unknown>;

/** Answers one request; what it throws is the answer, too. */
export function answering({
  gateway,
  learner,
  banDesk,
  reload,
  onAction,
  emit,
}: ControlServices): (asked: ParsedRequest) => Promise<unknown> {
  const answers: Readonly<Record<ControlRequest, Answer>> = {
    reload,
    restart: async () => {
      await gateway.replaceWorkers();
      return null;
    },
    status: async () => ({ version: VERSION, pid: process.pid, listeners: gateway.listeners }),
    'upstream-list': async () => gateway.upstreams.status(),
    'upstream-drain': (words) => setService(gateway, 'draining', words),
    'upstream-eject': (words) => setService(gateway, 'ejected', words),
    'upstream-return': (words) => setService(gateway, 'in service', words),
    'limits-set': async (words, who) => setLimits(gateway.limits, words, who),
    'limits-unset': async (words) => unsetLimits(gateway.limits, words),
    'limits-list': async () => gateway.limits.overrides(),
    'limits-show': async (words) => showLimits(gateway.limits, words),
    'ban-add': async (words, who) => banDesk.add(words, who),
    'ban-remove': async (words, who) => banDesk.remove(words, who),
    'ban-list': async () => banDesk.list(),
    'ban-why': async (words) => banDesk.why(words),
    'policy-shadow': async () => (await gateway.watching.shadow()) ?? null,
    'learn-start': () => learner.start(),
    'learn-stop': () => learner.stop(),
    'learn-clear': () => learner.clear(),
    'learn-status': () => learner.status(),
    'learn-save': async () => {
      await learner.save();
      return learner.status();
    },
    'audit-note': async ([note = '']) => {
      emit(parseAuditNote(note));
      return null;
    },
  };
  return async ({ request, words, who }) => {
    const action = { name: request, by: `local:${who}`, from: 'control socket', words };
    try {
      const result = await answers[request](words, who);
      if (isAction(request)) onAction({ ...action, ...outcomeOf(result) });
      return result;
    } catch (error) {
      if (isAction(request)) onAction({ ...action, outcome: 'refused', says: (error as Error).message });
      throw error;
    }
  };
}

/** An answer may be a refusal itself, as a reload's is. */
function outcomeOf(result: unknown): Pick<OperatorAction, 'outcome' | 'says'> {
  const { ok, says } = (result ?? {}) as { ok?: unknown; says?: unknown };
  return ok === false ? { outcome: 'refused', says: String(says) } : { outcome: 'done' };
}

async function setService(gateway: Gateway, service: Service, words: readonly string[]): Promise<null> {
  const [upstream = '', target = ''] = words;
  if (await gateway.upstreams.setService(upstream, target, service)) return null;
  throw new OperatorError(
    `There is no target ${target} of an upstream ${upstream}; \`sallyport upstream list\` shows them.`,
  );
}
