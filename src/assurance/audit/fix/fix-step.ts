/** What `audit fix` may do: steps that change files or permissions, each with what has to hold before and after it. */
import { createHash } from 'node:crypto';
import type { Remediation } from '../model/check.ts';
import type { Result } from '../model/result.ts';
import type { AuditContext } from '../model/subject.ts';

export interface TextChange {
  /** As the audited system sees it. */
  readonly path: string;
  /** The file as it was read; undefined where there is none yet. */
  readonly before: string | undefined;
  readonly after: string;
}

export interface PermissionChange {
  readonly path: string;
  /** Permission bits and group, as found. */
  readonly before: { readonly mode: number; readonly gid: number };
  readonly after: { readonly mode: number; readonly gid: number };
}

export interface KernelSetting {
  /** Such as `kernel.kptr_restrict`. */
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

/** A table of nftables, replaced as a whole in one transaction. */
export interface RulesetChange {
  /** Of family inet. */
  readonly table: string;
  /** What `nft -f` takes. */
  readonly text: string;
  /** What `nft -j list ruleset` says of it where nothing else is loaded. */
  readonly listed: string;
}

/** What judges the files once they are written: the program that will read them. */
export type Validator = 'sshd' | 'mosquitto' | 'systemd' | 'nft' | 'none';

export interface FixStep {
  /** Stable between runs that find the same, such as `sshd` or `mosquitto:/etc/mosquitto/mosquitto.conf`. */
  readonly id: string;
  readonly title: string;
  /** Identifiers of the findings' checks that it is about. */
  readonly checks: readonly string[];
  /** Of the findings' target. */
  readonly targetId: string;
  readonly risk: Remediation['risk'];
  readonly impact: string;
  readonly texts: readonly TextChange[];
  readonly permissions: readonly PermissionChange[];
  /** Of the running kernel; set after the files are written. */
  readonly kernel: readonly KernelSetting[];
  /** Of the running packet filter; loaded after the files are written and validated. */
  readonly ruleset?: RulesetChange;
  readonly validator: Validator;
  /** What the validator reads, such as the main file of a configuration. */
  readonly validated?: string;
  /** Commands that only a person should give, such as a restart that disconnects clients. */
  readonly afterwards: readonly string[];
  /** It could lock out who applies it: it is reverted unless somebody confirms it in time. */
  readonly isConfirmed: boolean;
  /** Checks that only a restart can mend: they are not expected to pass at once. */
  readonly afterRestart: readonly string[];
}

/** A finding that no step mends, with the cure for a person. */
export interface ByHand {
  readonly result: Result;
  /** Why it is left to a person, where there is more to say than that its meaning is theirs. */
  readonly says?: string;
}

export interface Withheld {
  readonly check: string;
  readonly says: string;
}

/** What a planner makes of the findings of its checks. */
export interface Planned {
  readonly steps: readonly FixStep[];
  readonly withheld?: readonly Withheld[];
}

export interface PlanInput {
  readonly context: AuditContext;
  /** Findings that are to be mended. */
  readonly findings: readonly Result[];
  /** Networks that administrators come from; none where nobody has named them. */
  readonly admins: readonly string[];
}

export type Planner = (input: PlanInput) => Promise<Planned>;

export const NO_STEPS: Planned = { steps: [] };

/** What every step has where it says nothing else. */
export const STEP_DEFAULTS = {
  texts: [],
  permissions: [],
  kernel: [],
  validator: 'none',
  afterwards: [],
  isConfirmed: false,
  afterRestart: [],
} as const satisfies Partial<FixStep>;

/** SHA-256 in hexadecimal digits: what a file must still be when a step is applied. */
export function digestOf(text: string | Buffer): string {
  return createHash('sha256').update(text).digest('hex');
}
