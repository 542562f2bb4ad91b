/** Starts OpenLDAP's slapd, where the machine has it, with a few people and groups in it. */
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeCa, makeCertificate } from './certificates.ts';
import { freePort, HOST, Program, removeDirectory, runToEnd, temporaryDirectory } from './process.ts';

export const BASE = 'dc=example,dc=org';
export const SERVICE = { dn: `cn=gateway,${BASE}`, password: 'throwaway-service' };

const SLAPD = '/usr/sbin/slapd';

export const withoutSlapd =
  spawnSync(SLAPD, ['-VV']).error === undefined && spawnSync('ldapadd', ['-VV']).error === undefined
    ? false
    : 'slapd or ldap-utils is not installed';

export interface Person {
  readonly uid: string;
  readonly password: string;
  readonly groups?: readonly string[];
}

export interface RunningDirectory {
  readonly port: number;
  readonly tlsPort: number;
  readonly caFile: string;
  readonly program: Program;
  /** LDIF, as the administrator. */
  modify(ldif: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startDirectory(people: readonly Person[]): Promise<RunningDirectory> {
  const directory = await temporaryDirectory('slapd');
  const at = (name: string): string => path.join(directory, name);
  const [port, tlsPort] = [await freePort(), await freePort()];
  const ca = await makeCa('Directory CA');
  const certificate = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
  const files = {
    'ca.pem': ca.certificatePem,
    'server.pem': certificate.certificatePem,
    'server.key': certificate.keyPem,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(at(name), text, { mode: 0o600 });
  await mkdir(at('db'));
  const root = { dn: `cn=admin,${BASE}`, password: 'throwaway-admin' };
  const lines = [
    ...['core', 'cosine', 'inetorgperson'].map((schema) => `include /etc/ldap/schema/${schema}.schema`),
    'modulepath /usr/lib/ldap',
    'moduleload back_mdb',
    'moduleload memberof',
    `pidfile ${at('slapd.pid')}`,
    `TLSCACertificateFile ${at('ca.pem')}`,
    `TLSCertificateFile ${at('server.pem')}`,
    `TLSCertificateKeyFile ${at('server.key')}`,
    'database mdb',
    `suffix "${BASE}"`,
    `rootdn "${root.dn}"`,
    `rootpw ${root.password}`,
    `directory ${at('db')}`,
    'overlay memberof',
    'access to attrs=userPassword by anonymous auth by * none',
    `access to * by dn.exact="${SERVICE.dn}" read by * none`,
  ];
  await writeFile(at('slapd.conf'), `${lines.join('\n')}\n`);
  await chmod(directory, 0o700);
  const urls = `ldap://${HOST}:${port}/ ldaps://${HOST}:${tlsPort}/`;
  const program = await Program.start(SLAPD, ['-f', at('slapd.conf'), '-h', urls, '-d', '0'], [port, tlsPort]);
  let count = 0;
  const running: RunningDirectory = {
    port,
    tlsPort,
    caFile: at('ca.pem'),
    program,
    async modify(ldif) {
      const file = at(`${count++}.ldif`);
      await writeFile(file, ldif);
      const args = ['-x', '-c', '-H', `ldap://${HOST}:${port}`, '-D', root.dn, '-w', root.password, '-f', file];
      const { code, out, err } = await runToEnd(ldif.includes('changetype:') ? 'ldapmodify' : 'ldapadd', args);
      if (code !== 0) throw new Error(out + err);
    },
    async stop() {
      await program.end();
      await removeDirectory(directory);
    },
  };
  await running.modify(entries(people));
  return running;
}

function entries(people: readonly Person[]): string {
  const blocks = [
    `dn: ${BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example`,
    `dn: ${SERVICE.dn}\nobjectClass: person\ncn: gateway\nsn: gateway\nuserPassword: ${SERVICE.password}`,
    ...['people', 'groups', 'other'].map((ou) => `dn: ou=${ou},${BASE}\nobjectClass: organizationalUnit\nou: ${ou}`),
    ...people.map(
      ({ uid, password }) =>
        `dn: uid=${uid},ou=people,${BASE}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: ${uid}\nmail: ${uid}@example.org\nuserPassword: ${password}`,
    ),
  ];
  const groups = [...new Set(people.flatMap(({ groups = [] }) => groups))];
  for (const group of groups) {
    const members = people.filter((person) => person.groups?.includes(group));
    const lines = members.map(({ uid }) => `member: uid=${uid},ou=people,${BASE}`).join('\n');
    // As `admins` or, where it stands elsewhere, `admins@other`.
    const [cn, ou = 'groups'] = group.split('@');
    blocks.push(`dn: cn=${cn},ou=${ou},${BASE}\nobjectClass: groupOfNames\ncn: ${cn}\n${lines}`);
  }
  return `${blocks.join('\n\n')}\n`;
}
