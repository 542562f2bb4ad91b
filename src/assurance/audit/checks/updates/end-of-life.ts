/** Until when releases of distributions get security updates, as of one day: Debian's distro-info-data 0.58+deb12u7 and the vendors' pages. */

/** The day the table was made. */
export const TABLE_MADE = '2026-11-01';
/** After this many days the table knows too little: a release it calls supported may have been given up early. */
export const TABLE_VALID_DAYS = 400;

/** For Debian the end of long-term support, which is free and for everybody; paid extensions do not count. */
const BY_CODENAME: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  debian: {
    stretch: '2022-06-30',
    buster: '2024-06-30',
    bullseye: '2026-08-31',
    bookworm: '2028-06-30',
    trixie: '2030-06-30',
  },
  ubuntu: {
    xenial: '2021-04-30',
    bionic: '2023-05-31',
    focal: '2025-05-29',
    jammy: '2027-06-01',
    noble: '2029-05-31',
    plucky: '2026-01-15',
    questing: '2026-07-09',
    resolute: '2031-05-29',
  },
};

/** By major version. */
const BY_MAJOR: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  rhel: { '7': '2024-06-30', '8': '2029-05-31', '9': '2032-05-31', '10': '2035-05-31' },
  centos: { '7': '2024-06-30', '8': '2021-12-31', '9': '2027-05-31' },
  rocky: { '8': '2029-05-31', '9': '2032-05-31', '10': '2035-05-31' },
  almalinux: { '8': '2029-03-01', '9': '2032-05-31', '10': '2035-05-31' },
};

/** The last day with updates, as `YYYY-MM-DD`; undefined for what the table does not know. */
export function endOfLife(os: {
  readonly id: string;
  readonly codename: string;
  readonly versionId: string;
}): string | undefined {
  const id = os.id === 'raspbian' ? 'debian' : os.id;
  return BY_CODENAME[id]?.[os.codename] ?? BY_MAJOR[id]?.[os.versionId.split('.')[0] ?? ''];
}
