/** `node bench/prove.ts`: how long a thousand assertions take to be decided over ten thousand grants. */
import { availableParallelism, loadavg } from 'node:os';
import { parsePolicyFile } from '../src/policy/authorization/policy-file.ts';
import { proveAll } from '../src/policy/authorization/prove/prover.ts';

const ROLES = 100;
const GRANTS_EACH = 100;
const ASSERTIONS = 1000;
const ROUNDS = 3;

/** A site for each role, with machines, telemetry and commands; a few roles reach over all of them. */
function policyText(): string {
  const lines = ['roles:'];
  for (let site = 0; site < ROLES; site++) {
    lines.push(`  site-${site}:`, '    grants:');
    for (let machine = 0; machine < GRANTS_EACH - 2; machine++) {
      const when = machine % 10 === 0 ? ', when: { tls: required }' : '';
      lines.push(`      - { allow: [publish, receive], topics: plant/site-${site}/machine-${machine}/+${when} }`);
    }
    lines.push(`      - { allow: publish, topics: "plant/site-${site}/\${username}/#" }`);
    lines.push(`      - { deny: publish, topics: plant/+/+/command, when: { retain: true } }`);
  }
  lines.push('assignments:');
  for (let site = 0; site < ROLES; site++) lines.push(`  - { roles: site-${site}, to: { group: staff-${site} } }`);
  const everyRole = Array.from({ length: ROLES }, (_, site) => `site-${site}`).join(',');
  lines.push('assertions:');
  for (let index = 0; index < ASSERTIONS; index++) {
    const site = index % ROLES;
    const machine = index % (GRANTS_EACH - 2);
    const kinds = [
      `never: role site-${site} alone publish plant/site-${(site + 1) % ROLES}/machine-${machine}/+`,
      `only: role site-${site} receive plant/site-${site}/machine-${machine}/#`,
      `always: role site-${site} receive plant/site-${site}/machine-${machine === 0 ? 1 : machine}/value`,
      `only: role ${everyRole} publish plant/site-${site}/#`,
      `always: role site-${site} publish plant/site-${site}/${'${username}'}/value`,
    ];
    lines.push(`  - ${kinds[index % kinds.length]}`);
  }
  return `${lines.join('\n')}\n`;
}

const policy = parsePolicyFile(policyText(), 'bench.yaml');
const grants = policy.roles.reduce((sum, role) => sum + role.grants.length, 0);
const times: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const startMs = performance.now();
  const proofs = proveAll(policy, policy.assertions);
  times.push(performance.now() - startMs);
  const counts = { holds: 0, broken: 0, undecided: 0 };
  for (const { outcome } of proofs) counts[outcome]++;
  process.stderr.write(`round ${round + 1}: ${Math.round(times.at(-1)!)} ms, ${JSON.stringify(counts)}\n`);
}
const cores = `${availableParallelism()} cores, load ${loadavg()[0]!.toFixed(1)}`;
const bestMs = Math.min(...times);
process.stdout.write(
  `${policy.assertions.length} assertions over ${grants} grants: ${(bestMs / 1000).toFixed(2)} s (best of ${ROUNDS}; ${cores}).\n`,
);
