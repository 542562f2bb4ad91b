/** A file of pinned certificates: SHA-256 fingerprints, one a line, as `openssl x509 -fingerprint -sha256` prints them or bare. */
import { type FileFault, FileFaultError } from '../../base/file-fault.ts';

const FAULTS_MAX = 100;
const PREFIX = /^sha256 fingerprint=/i;

/** @throws {FileFaultError} with everything that is wrong in it (the first 100). */
export function parsePinFile(text: string, file: string): ReadonlySet<string> {
  const pins = new Set<string>();
  const faults: FileFault[] = [];
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    // What stands behind the fingerprint is for people: whose it is.
    const [first = ''] = content.trim().replace(PREFIX, '').split(/\s+/);
    if (first === '' || first.startsWith('#')) continue;
    const pin = first.replaceAll(':', '').toLowerCase();
    if (/^[0-9a-f]{64}$/.test(pin)) pins.add(pin);
    else if (faults.length < FAULTS_MAX) {
      const says = 'This is no SHA-256 fingerprint of 64 hexadecimal digits.';
      const cure = 'Take what `openssl x509 -noout -fingerprint -sha256 -in FILE` prints.';
      faults.push({ file, line: index + 1, column: content.search(/\S/) + 1, says, cure });
    }
  }
  if (faults.length > 0) throw new FileFaultError(faults);
  return pins;
}
