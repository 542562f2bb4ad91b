/** All that is kept of operators, in one file: opened by the gateway, and by commands beside it. */
import type { DatabaseSync } from 'node:sqlite';
import type { Chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import { Accounts } from './accounts.ts';
import { Certificates } from './certificates.ts';
import { ClaimCodes } from './claim-codes.ts';
import { Ledger } from './ledger.ts';
import { openOperatorsFile } from './operators-file.ts';
import { Passkeys } from './passkeys.ts';
import { SecondFactors } from './second-factors.ts';
import { type SessionOptions, Sessions } from './sessions.ts';
import { type TokenOptions, Tokens } from './tokens.ts';

export interface OperatorStoreOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly tokens: TokenOptions;
  readonly sessions: SessionOptions;
}

export class OperatorStore {
  readonly ledger: Ledger;
  readonly accounts: Accounts;
  readonly codes: ClaimCodes;
  readonly tokens: Tokens;
  readonly sessions: Sessions;
  readonly secondFactors: SecondFactors;
  readonly certificates: Certificates;
  readonly passkeys: Passkeys;
  readonly #database: DatabaseSync;

  /** @throws {OperatorError} when the file cannot be used. */
  constructor({ path, clock, chance, tokens, sessions }: OperatorStoreOptions) {
    this.#database = openOperatorsFile(path);
    this.ledger = new Ledger(this.#database, clock, chance);
    this.accounts = new Accounts(this.ledger);
    this.codes = new ClaimCodes(this.ledger, this.accounts);
    this.tokens = new Tokens(this.ledger, tokens);
    this.sessions = new Sessions(this.ledger, sessions);
    this.secondFactors = new SecondFactors(this.ledger);
    this.certificates = new Certificates(this.ledger);
    this.passkeys = new Passkeys(this.ledger, this.accounts);
  }

  close(): void {
    this.#database.close();
  }
}
