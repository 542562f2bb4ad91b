import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FileFaultError } from '../../base/file-fault.ts';
import { parsePinFile } from './pin-file.ts';

const HEX = 'a1'.repeat(32);
const COLONS = HEX.toUpperCase().match(/../g)!.join(':');

test('fingerprints are read in every form that tools print them in', () => {
  const text = `# pumps\n\n${HEX}\r\n${'b2'.repeat(32)} pump-8\n  sha256 Fingerprint=${COLONS}\n`;
  assert.deepEqual([...parsePinFile(text, 'pins')], [HEX, 'b2'.repeat(32)]);
});

test('a line that is none is refused with its place, and nothing of the file is taken', () => {
  assert.throws(
    () => parsePinFile(`${HEX}\n  ${HEX.slice(2)}\nSHA1 Fingerprint=00\n`, 'pins'),
    (error) => {
      assert.ok(error instanceof FileFaultError);
      assert.deepEqual(
        error.faults.map(({ line, column }) => [line, column]),
        [
          [2, 3],
          [3, 1],
        ],
      );
      return true;
    },
  );
});
