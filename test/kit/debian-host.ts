/** A Debian host as every check would have it: fixtures change the one thing that they are about. */
import type { MadeSystem } from './audited-system.ts';

const LISTS = '/var/lib/apt/lists';
export const SECURITY_RELEASE = `${LISTS}/mirror_debian-security_dists_bookworm-security_InRelease`;
export const SECURITY_INDEX = `${LISTS}/mirror_debian-security_dists_bookworm-security_main_binary-amd64_Packages`;
export const DPKG_STATUS = '/var/lib/dpkg/status';

export function dpkgStatus(versions: Readonly<Record<string, string>>): string {
  return Object.entries(versions)
    .map(
      ([name, version]) => `Package: ${name}\nStatus: install ok installed\nVersion: ${version}\nArchitecture: amd64\n`,
    )
    .join('\n');
}

const PACKAGES = { libssl3: '3.0.17-1~deb12u2', mosquitto: '2.0.11-1.2+deb12u2', 'unattended-upgrades': '2.9.1+nmu3' };

const SOCKETS = `udp   UNCONN 0 0      127.0.0.1:323   0.0.0.0:* users:(("chronyd",pid=500,fd=5))
tcp   LISTEN 0 128      0.0.0.0:22    0.0.0.0:* users:(("sshd",pid=600,fd=3))
tcp   LISTEN 0 100      0.0.0.0:8883  0.0.0.0:* users:(("mosquitto",pid=700,fd=5))
tcp   LISTEN 0 100    127.0.0.1:1883  0.0.0.0:* users:(("mosquitto",pid=700,fd=6))
tcp   LISTEN 0 128         [::]:22       [::]:* users:(("sshd",pid=600,fd=4))
`;

/** `nft -j list ruleset` of rules for one input chain, each a list of expressions. */
export function ruleset(rules: readonly (readonly unknown[])[], policy = 'drop', family = 'inet'): string {
  const place = { family, table: 'filter' };
  const chain = { ...place, name: 'input', type: 'filter', hook: 'input', prio: 0, policy };
  const items = [{ table: { family, name: 'filter' } }, { chain }];
  return JSON.stringify({
    nftables: [...items, ...rules.map((expr) => ({ rule: { ...place, chain: 'input', expr } }))],
  });
}

export const nft = {
  accept: { accept: null },
  port: (right: unknown, protocol = 'tcp') => ({
    match: { op: '==', left: { payload: { protocol, field: 'dport' } }, right },
  }),
  source: (addr: string, len: number) => ({
    match: { op: '==', left: { payload: { protocol: 'ip', field: 'saddr' } }, right: { prefix: { addr, len } } },
  }),
  limit: { limit: { rate: 10, burst: 5, per: 'second' } },
};

const RULESET = ruleset([
  [{ match: { op: '==', left: { meta: { key: 'iifname' } }, right: 'lo' } }, nft.accept],
  [{ match: { op: 'in', left: { ct: { key: 'state' } }, right: ['established', 'related'] } }, nft.accept],
  [nft.source('192.0.2.0', 24), nft.port(22), nft.accept],
  [nft.port(8883), nft.limit, nft.accept],
]);

const ENCRYPTED = JSON.stringify({
  blockdevices: [{ name: 'data', type: 'crypt', children: [{ name: 'sda2', type: 'part' }] }],
});
export const NOT_ENCRYPTED = JSON.stringify({
  blockdevices: [{ name: 'sda2', type: 'part', children: [{ name: 'sda', type: 'disk' }] }],
});

export const DEBIAN: MadeSystem = {
  files: {
    '/etc/os-release':
      'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n',
    '/etc/apt/sources.list.d/debian.sources':
      'Types: deb\nURIs: https://mirror.example/debian\nSuites: bookworm\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n',
    [DPKG_STATUS]: dpkgStatus(PACKAGES),
    [SECURITY_RELEASE]:
      '-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\nLabel: Debian-Security\nSuite: oldstable-security\n',
    [SECURITY_INDEX]:
      'Package: libssl3\nVersion: 3.0.17-1~deb12u2\n\nPackage: mosquitto\nVersion: 2.0.11-1.2+deb12u1\n',
    '/etc/ssh/sshd_config': 'PermitRootLogin no\nPasswordAuthentication no\n',
    '/etc/fail2ban/fail2ban.conf': '',
    '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nmosquitto:x:107:113::/var/lib/mosquitto:/usr/sbin/nologin\n',
    '/etc/shadow': { text: 'root:*:19000:0:99999:7:::\nmosquitto:!:19000::::::\n', mode: 0o640 },
    '/etc/pam.d/common-auth': 'auth required pam_faillock.so preauth\nauth [success=1 default=ignore] pam_unix.so\n',
    '/etc/pam.d/common-password': 'password requisite pam_pwquality.so retry=3\n',
    '/etc/sudoers': 'Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n',
    '/etc/mosquitto/mosquitto.conf': 'listener 8883\n',
    '/etc/mosquitto/passwd': { text: 'pump:hash\n', mode: 0o640 },
    '/lib/systemd/system/mosquitto.service': '[Service]\nExecStart=/usr/sbin/mosquitto\n',
    '/etc/systemd/system/mosquitto.service.d/hardening.conf':
      '[Service]\nNoNewPrivileges=yes\nProtectSystem=strict\nProtectHome=yes\nPrivateTmp=yes\nPrivateDevices=yes\nCapabilityBoundingSet=\n',
    '/proc/700/limits': 'Max open files            65536                524288               files\n',
    '/proc/700/attr/current': 'mosquitto (enforce)\n',
    '/sys/module/apparmor/parameters/enabled': 'Y\n',
    '/proc/sys/net/ipv4/tcp_syncookies': '1\n',
    '/proc/sys/net/ipv4/conf/all/rp_filter': '2\n',
    '/proc/sys/net/ipv4/conf/default/rp_filter': '1\n',
    '/proc/sys/fs/protected_symlinks': '1\n',
    '/proc/sys/fs/protected_hardlinks': '1\n',
    '/proc/sys/kernel/kptr_restrict': '1\n',
    '/proc/sys/fs/suid_dumpable': '0\n',
    '/proc/sys/kernel/core_pattern': 'core\n',
    '/proc/swaps': 'Filename\tType\tSize\tUsed\tPriority\n/dev/dm-1 partition 1048576 0 -2\n',
    '/var/lib/mosquitto/mosquitto.db': '',
    '/etc/systemd/journald.conf': '[Journal]\n#Storage=auto\n',
    '/var/log/journal/machine': '',
    '/etc/rsyslog.conf': '*.* action(type="omfwd" target="logs.example.org" port="6514" protocol="tcp")\n',
    '/var/log/lynis-report.dat': 'report_version_major=1\n',
    '/etc/nftables.conf': 'table inet filter {\n  chain input { type filter hook input priority 0; policy drop; }\n}\n',
    '/etc/systemd/system/sysinit.target.wants/nftables.service': '',
    '/etc/systemd/system/multi-user.target.wants/ssh.service': '',
    '/proc/sys/net/ipv6/conf/all/disable_ipv6': '0\n',
    '/proc/sys/kernel/osrelease': '6.1.0-41-amd64\n',
    '/boot/vmlinuz-6.1.0-40-amd64': '',
    '/boot/vmlinuz-6.1.0-41-amd64': '',
    '/proc/1/status': 'Name:\tsystemd\nUid:\t0\t0\t0\t0\n',
    '/proc/700/status': 'Name:\tmosquitto\nUid:\t107\t107\t107\t107\n',
    '/proc/700/cmdline': '/usr/sbin/mosquitto\0-c\0/etc/mosquitto/mosquitto.conf\0',
    '/proc/700/exe': { link: '/usr/sbin/mosquitto' },
    '/proc/700/maps':
      '7f00-7f01 r-xp 00000000 08:01 11 /usr/lib/x86_64-linux-gnu/libssl.so.3\n7f02-7f03 r-xp 00000000 08:01 12 /usr/lib/x86_64-linux-gnu/libcrypto.so.3\n',
  },
  commands: {
    'ss -Htulnp': SOCKETS,
    'nft -j list ruleset': RULESET,
    'sshd -T':
      'permitrootlogin no\npasswordauthentication no\nkbdinteractiveauthentication no\nusepam yes\nmaxauthtries 3\nx11forwarding no\nmacs hmac-sha2-512-etm@openssh.com,umac-128-etm@openssh.com\n',
    'findmnt -n -o SOURCE -T /var/lib/mosquitto': '/dev/mapper/data\n',
    'lsblk -J -s -o NAME,TYPE /dev/mapper/data': ENCRYPTED,
    'lsblk -J -s -o NAME,TYPE /dev/dm-1': ENCRYPTED,
    'systemd-detect-virt': { exitCode: 1, stdout: 'none\n' },
    'auditctl -l': '-w /etc/mosquitto -p wa -k broker-config\n',
    'timedatectl show -p NTPSynchronized --value': 'yes\n',
    'fail2ban-client -t': 'OK: configuration test is successful\n',
    'fail2ban-client status': 'Status\n|- Number of jail:\t1\n`- Jail list:\tsshd\n',
    'apt-config dump':
      'APT "";\nAPT::Periodic "";\nAPT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n',
  },
};

/** Files of a base to take away, as `null`s. */
export function without(...paths: string[]): Readonly<Record<string, null>> {
  return Object.fromEntries(paths.map((path) => [path, null]));
}

/** The broker that runs on the host taken away. */
export const NO_BROKER_PROCESS = without(
  ...['status', 'cmdline', 'exe', 'maps', 'limits', 'attr/current'].map((name) => `/proc/700/${name}`),
);
