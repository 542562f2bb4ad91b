/** The products whose files can be imported, and how their files are told apart. */
import { importAwsIot } from './aws-iot.ts';
import { importEmqxAcl } from './emqx-acl.ts';
import type { ImportedPolicy } from './imported-policy.ts';
import { importMosquittoAcl } from './mosquitto-acl.ts';
import { importDynamicSecurity } from './mosquitto-dynamic-security.ts';

export type ImportFormat = 'mosquitto-acl' | 'mosquitto-dynamic-security' | 'emqx-acl' | 'aws-iot';

/** Each adds what the file says; @throws {FileFaultError} when it is none of its kind. */
const IMPORTERS: Readonly<Record<ImportFormat, (text: string, file: string, policy: ImportedPolicy) => void>> = {
  'mosquitto-acl': importMosquittoAcl,
  'mosquitto-dynamic-security': importDynamicSecurity,
  'emqx-acl': importEmqxAcl,
  'aws-iot': importAwsIot,
};

export const IMPORT_FORMATS = Object.keys(IMPORTERS) as ImportFormat[];

/** What a file seems to be, by what it begins with. */
export function formatOf(text: string): ImportFormat {
  if (/^\s*\{\s*["}]/.test(text)) return /"Statement"\s*:/.test(text) ? 'aws-iot' : 'mosquitto-dynamic-security';
  return /^\s*\{\s*(?:allow|deny)\s*,/m.test(text) ? 'emqx-acl' : 'mosquitto-acl';
}

export function importInto(policy: ImportedPolicy, text: string, file: string, format: ImportFormat): void {
  policy.begin(file);
  IMPORTERS[format](text, file, policy);
}
