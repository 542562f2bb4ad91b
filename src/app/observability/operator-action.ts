/** What an operator did, for the journal: who, from where, what, and what came of it. */
import type { SettingChange } from '../config/setting-changes.ts';

export interface OperatorAction {
  /** Such as `reload` or `upstream.drain`. */
  readonly name: string;
  /** Who it was, such as `local:root` for whoever could open the control socket. */
  readonly by: string;
  /** From where: `control socket`, or an address. */
  readonly from: string;
  /** What was asked, without secrets. */
  readonly words?: readonly string[];
  readonly outcome: 'done' | 'refused';
  /** Why it was refused. */
  readonly says?: string;
  /** Settings, or other things, that differ: by their path, as they were and as they are. */
  readonly changes?: readonly SettingChange[];
}
