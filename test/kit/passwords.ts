/** Lines of password files for tests, in the cheapest scheme there is, so that a thousand connections cost no second. */
import { createHash } from 'node:crypto';

/** One line a user, as `mosquitto_passwd -H sha512` writes it. */
export function passwordFile(users: Readonly<Record<string, string>>): string {
  const salt = Buffer.from('0123456789ab');
  const lineOf = ([name, password]: [string, string]): string => {
    const hash = createHash('sha512').update(password).update(salt).digest('base64');
    return `${name}:$6$${salt.toString('base64')}$${hash}\n`;
  };
  return Object.entries(users).map(lineOf).join('');
}
