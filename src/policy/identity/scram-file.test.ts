import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemChance } from '../../base/chance.ts';
import { FileFaultError } from '../../base/file-fault.ts';
import { parseScramFile } from './scram-file.ts';
import { makeScramVerifier } from './scram-verifier.ts';

const GOOD = await makeScramVerifier('SCRAM-SHA-256', 'pencil', systemChance, 4096);
/** In the form of `rolpassword` in `pg_authid`. */
const POSTGRESQL =
  'SCRAM-SHA-256$4096:QSXCR+Q6sek8bf92wkQvSw==$FO+9jBb3MUukt6jJnzjPZOWc5ow/Pu6JtPyju0aqaE8=:qxJ1SbmSAi5EcS0J5Ck/cKAm/+Ixa+Kwp63f4OHDgzo=';

function faults(text: string): string[] {
  try {
    parseScramFile(text, 'scram');
  } catch (error) {
    assert.ok(error instanceof FileFaultError);
    return error.faults.map(({ line, column, says }) => `${line}:${column} ${says}`);
  }
  assert.fail('accepted');
}

test('a user has a line for each mechanism, beside comments, in PostgreSQL’s form', async () => {
  const other = await makeScramVerifier('SCRAM-SHA-512', 'pencil', systemChance);
  const file = parseScramFile(`\ufeff# users\r\n\r\nada:${GOOD}\r\nada:${other}\ngrace:${POSTGRESQL}\n`, 'scram');
  assert.equal(file.find('ada', 'SCRAM-SHA-256')?.verifier.iterations, 4096);
  assert.equal(file.find('ada', 'SCRAM-SHA-512')?.verifier.iterations, 10_000);
  assert.equal(file.find('grace', 'SCRAM-SHA-256')?.verifier.salt.length, 16);
  assert.equal(file.find('grace', 'SCRAM-SHA-512'), undefined);
  assert.equal(file.usualIterations('SCRAM-SHA-256'), 4096);
  assert.equal(parseScramFile('', 'scram').usualIterations('SCRAM-SHA-256'), undefined);
});

test('a file that is wrong anywhere is refused, each place with its fault, and nothing quoted', () => {
  const weak = GOOD.replace('$4096:', '$1000:');
  const text = ['ada', `:${GOOD}`, 'ada:secret', `ada:${weak}`, `ada:${GOOD}`, `ada:${GOOD}`, `adé:${GOOD}`].join('\n');
  const found = faults(text);
  assert.deepEqual(
    found.map((fault) => fault.split(' ')[0]),
    ['1:1', '2:1', '3:5', '4:5', '6:1', '7:1'],
  );
  assert.match(found[2]!, /no SCRAM-SHA-256/);
  assert.match(found[3]!, /1000 iterations/);
  assert.match(found[4]!, /already/);
  assert.match(found[5]!, /beyond ASCII/);
  assert.doesNotMatch(found.join(), /secret/);
});

test('keys and salts are of their proper size, in proper base64', () => {
  const [head, keys] = GOOD.split('$').slice(1) as [string, string];
  const short = Buffer.alloc(31).toString('base64');
  for (const verifier of [
    `SCRAM-SHA-256$${head}$${short}:${keys.split(':')[1]}`,
    `SCRAM-SHA-256$${head}$${keys.split(':')[0]}:${short}`,
    `SCRAM-SHA-512$${head}$${keys}`,
    `SCRAM-SHA-1$${head}$${keys}`,
    `SCRAM-SHA-256$4096:AAAA$${keys}`,
    `SCRAM-SHA-256$4096:${'!'.repeat(24)}$${keys}`,
    `SCRAM-SHA-256$99999999999:${head.split(':')[1]}$${keys}`,
    `SCRAM-SHA-256$-1:${head.split(':')[1]}$${keys}`,
  ]) {
    assert.equal(faults(`ada:${verifier}`).length, 1, verifier);
  }
});
