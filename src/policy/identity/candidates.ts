/** An exchange with whichever of the methods of one name turns out to be meant, held to the name that the client has given. */
import { Reason } from '../../mqtt/reason.ts';
import type { AuthenticationResult, Credentials, EnhancedExchange, EnhancedMethod, EnhancedStep } from './identity.ts';
import { deny } from './results.ts';

const NONE_APPLIES = deny(
  Reason.NotAuthorized,
  'authentication:chain',
  'What was shown is none of the kinds that this listener takes.',
  'none',
);

const OTHER_NAME = 'The user name that was proven is not the one that the client has given.';

export class Candidates implements EnhancedExchange {
  readonly #credentials: Credentials;
  /** Those that have not been asked yet. */
  readonly #left: EnhancedMethod[];
  #exchange: EnhancedExchange | undefined;

  constructor(methods: readonly EnhancedMethod[], credentials: Credentials) {
    this.#credentials = credentials;
    this.#left = [...methods];
  }

  async step(borrowed: Uint8Array | undefined): Promise<EnhancedStep> {
    // The next candidate may be asked after this one has thought about it.
    const data = borrowed === undefined || this.#left.length === 0 ? borrowed : Buffer.from(borrowed);
    for (;;) {
      this.#exchange ??= this.#left.shift()?.begin(this.#credentials);
      if (this.#exchange === undefined) return { kind: 'done', result: NONE_APPLIES };
      const step = await this.#exchange.step(data);
      if (step?.kind === 'done') return { ...step, result: this.#held(step.result) };
      if (step !== undefined) return step;
      this.#exchange = undefined;
    }
  }

  /** The broker behind is told no name but one that was proven, and what TLS has proven beside it has to agree. */
  #held(result: AuthenticationResult): AuthenticationResult {
    if (!result.ok) return result;
    const { username, method } = result.identity;
    const { username: given = username, certificateName = username, presharedKey } = this.#credentials;
    const keyed = presharedKey?.identity ?? username;
    if (given === username && certificateName === username && keyed === username) return result;
    return deny(Reason.NotAuthorized, 'identity:username', OTHER_NAME, method);
  }
}
