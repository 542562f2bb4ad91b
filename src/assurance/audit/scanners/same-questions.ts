/** What other scanners ask that checks of this audit ask as well. */

interface SameQuestion {
  /** The scanner's own identifier. */
  readonly id: RegExp;
  /** What within the test it is about, where the test asks of several things. */
  readonly about?: RegExp;
  readonly check: string;
}

const SAME: readonly SameQuestion[] = [
  // Lynis
  { id: /^SSH-7408$/, about: /^PermitRootLogin\b/i, check: 'A01' },
  { id: /^SSH-7408$/, about: /^MaxAuthTries\b/i, check: 'A03' },
  { id: /^SSH-7408$/, about: /^X11Forwarding\b/i, check: 'A05' },
  { id: /^AUTH-9(?:204|283)$/, check: 'A07' },
  { id: /^AUTH-9262$/, check: 'A08' },
  { id: /^PKGS-7392$/, check: 'U02' },
  { id: /^PKGS-7420$/, check: 'U04' },
  { id: /^KRNL-5830$/, check: 'U08' },
  { id: /^KRNL-5820$/, check: 'H11' },
  { id: /^FIRE-4(?:512|590)$/, check: 'S07' },
  { id: /^INSE-8(?:000|016|100|300|304|310|318|320|322)$/, check: 'S06' },
  { id: /^LOGG-2154$/, check: 'H05' },
  { id: /^TIME-3104$/, check: 'H07' },
  // Rules of the SCAP Security Guide
  { id: /^sshd_disable_root_login$/, check: 'A01' },
  { id: /^sshd_set_max_auth_tries$/, check: 'A03' },
  { id: /^sshd_disable_x11_forwarding$/, check: 'A05' },
  { id: /^(?:accounts_no_uid_except_zero|no_empty_passwords(?:_etc_shadow)?)$/, check: 'A07' },
  { id: /^sudo_remove_nopasswd$/, check: 'A09' },
  {
    id: /^sysctl_(?:net_ipv4_tcp_syncookies|net_ipv4_conf_(?:all|default)_rp_filter|fs_protected_symlinks)$/,
    check: 'H08',
  },
  { id: /^sysctl_(?:fs_protected_hardlinks|kernel_kptr_restrict)$/, check: 'H08' },
  { id: /^sysctl_fs_suid_dumpable$/, check: 'H11' },
  {
    id: /^(?:package|service)_(?:telnetd?(?:-ssl)?|inetutils-telnetd|rsh(?:-server)?|tftp(?:-server)?|x?inetd)_(?:removed|disabled)$/,
    check: 'S06',
  },
  { id: /^rsyslog_remote_loghost$/, check: 'H05' },
  { id: /^service_(?:timesyncd|chronyd|ntpd?)_enabled$/, check: 'H07' },
];

/** The check that asks the same; undefined where only the scanner asks it. */
export function checkLike(id: string, about = ''): string | undefined {
  return SAME.find((one) => one.id.test(id) && (one.about === undefined || one.about.test(about)))?.check;
}
