/** Debian's openssl as tests use it: an implementation of X.509 that is not ours, for lists and for OCSP answers. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestAuthority, TestCertificate } from './certificates.ts';

/** For tests that need it: why they are skipped, or false. */
export const withoutOpenssl: string | false =
  spawnSync('openssl', ['version']).error === undefined ? false : 'openssl is not installed';

function run(args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  assert.equal(status, 0, `openssl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

function stamp(date: Date): string {
  return `${date.toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`;
}

/** An authority's books, which it answers and publishes from. */
export class OpensslAuthority {
  readonly #directory = mkdtempSync(path.join(tmpdir(), 'sallyport-openssl-'));

  constructor(ca: TestAuthority) {
    this.#write('ca.crt', ca.certificatePem);
    this.#write('ca.key', ca.keyPem);
    this.#write('crlnumber', '01\n');
    this.#write(
      'ca.cnf',
      `[ca]\ndefault_ca=d\n[d]\ndatabase=${this.#at('index.txt')}\ncrlnumber=${this.#at('crlnumber')}\ndefault_md=sha256\n`,
    );
    this.book([], []);
  }

  #at(name: string): string {
    return path.join(this.#directory, name);
  }

  #write(name: string, content: string | Uint8Array): string {
    writeFileSync(this.#at(name), content);
    return this.#at(name);
  }

  /** Which certificates there are, and which of them are revoked. */
  book(valid: readonly TestCertificate[], revoked: readonly TestCertificate[]): void {
    const line = (mark: string, { notAfter, serialNumber }: TestCertificate, when: string): string =>
      `${mark}\t${stamp(notAfter)}\t${when}\t${serialNumber.toUpperCase()}\tunknown\t/CN=x\n`;
    const since = `${stamp(new Date(Date.now() - 3_600_000))},keyCompromise`;
    const lines = [...valid.map((one) => line('V', one, '')), ...revoked.map((one) => line('R', one, since))];
    this.#write('index.txt', lines.join(''));
    this.#write('index.txt.attr', 'unique_subject = no\n');
  }

  /** A revocation list as DER, good for so long. */
  crl(options: { days?: number; seconds?: number } = { days: 1 }): Buffer {
    const life =
      options.seconds === undefined ? ['-crldays', String(options.days)] : ['-crlsec', String(options.seconds)];
    const out = this.#at('out.crl');
    run([
      'ca',
      '-config',
      this.#at('ca.cnf'),
      '-gencrl',
      '-cert',
      this.#at('ca.crt'),
      '-keyfile',
      this.#at('ca.key'),
      ...life,
      '-out',
      out,
    ]);
    run(['crl', '-in', out, '-outform', 'DER', '-out', this.#at('out.der')]);
    return readFileSync(this.#at('out.der'));
  }

  /** The answer to an OCSP request, signed by the authority itself or by `signer`. */
  respond(request: Uint8Array, options: { signer?: TestCertificate; minutes?: number } = {}): Buffer {
    const { signer, minutes } = options;
    const certificate = signer === undefined ? this.#at('ca.crt') : this.#write('signer.crt', signer.certificatePem);
    const key = signer === undefined ? this.#at('ca.key') : this.#write('signer.key', signer.keyPem);
    run([
      ...['ocsp', '-index', this.#at('index.txt'), '-CA', this.#at('ca.crt'), '-rsigner', certificate, '-rkey', key],
      ...(minutes === undefined ? [] : ['-nmin', String(minutes)]),
      ...['-reqin', this.#write('request.der', request), '-respout', this.#at('response.der')],
    ]);
    return readFileSync(this.#at('response.der'));
  }

  /** What openssl makes of a request of ours. */
  readRequest(request: Uint8Array): string {
    return run(['ocsp', '-reqin', this.#write('request.der', request), '-req_text']);
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true });
  }
}
