/** The list of commands. Each is loaded only when it is asked for: `--help` must not wait for a TLS stack. */
import { nearestWord } from '../base/nearest-word.ts';
import { type Command, UsageError } from './command.ts';

interface Listed {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export const listed: readonly Listed[] = [
  {
    name: 'start',
    summary: 'run the gateway; the first time, set it up',
    load: async () => (await import('./start-command.ts')).startCommand,
  },
  {
    name: 'init',
    summary: 'make a data directory: CA, certificate, first user, configuration',
    load: async () => (await import('./init-command.ts')).initCommand,
  },
  {
    name: 'check',
    summary: 'check the configuration and show the effective settings',
    load: async () => (await import('./check-command.ts')).checkCommand,
  },
  {
    name: 'passwd',
    summary: 'change the password file',
    load: async () => (await import('./passwd-command.ts')).passwdCommand,
  },
  {
    name: 'users',
    summary: 'manage the built-in users',
    load: async () => (await import('./users-command.ts')).usersCommand,
  },
  {
    name: 'operators',
    summary: 'manage who may use the control API',
    load: async () => (await import('./operators-command.ts')).operatorsCommand,
  },
  {
    name: 'totp',
    summary: 'give users a second factor, and take it away',
    load: async () => (await import('./totp-command.ts')).totpCommand,
  },
  {
    name: 'policy',
    summary: 'explain what the policy allows and why; import others',
    load: async () => (await import('./policy-command.ts')).policyCommand,
  },
  {
    name: 'journal',
    summary: 'verify, search and export the tamper-evident record',
    load: async () => (await import('./journal-command.ts')).journalCommand,
  },
  {
    name: 'reload',
    summary: 'let the running gateway read its configuration anew',
    load: async () => (await import('./reload-command.ts')).reloadCommand,
  },
  {
    name: 'status',
    summary: 'show how the running gateway is; the exit code says whether it is well',
    load: async () => (await import('./status-command.ts')).statusCommand,
  },
  {
    name: 'clients',
    summary: 'show who is connected, and throttle, quarantine or release one',
    load: async () => (await import('./clients-command.ts')).clientsCommand,
  },
  {
    name: 'sessions',
    summary: 'show what brokers keep of clients between connections, and remove one',
    load: async () => (await import('./sessions-command.ts')).sessionsCommand,
  },
  {
    name: 'quarantine',
    summary: 'show who is confined, and for how long still',
    load: async () => (await import('./quarantine-command.ts')).quarantineCommand,
  },
  {
    name: 'disconnect',
    summary: 'end the connections of a client, and ban it if asked',
    load: async () => (await import('./disconnect-command.ts')).disconnectCommand,
  },
  {
    name: 'top',
    summary: 'watch rates, refusals and the loudest clients, live',
    load: async () => (await import('./top-command.ts')).topCommand,
  },
  {
    name: 'events',
    summary: 'show what has happened lately, and follow what happens',
    load: async () => (await import('./events-command.ts')).eventsCommand,
  },
  {
    name: 'recorder',
    summary: 'show and write the latest packets of a client',
    load: async () => (await import('./recorder-command.ts')).recorderCommand,
  },
  {
    name: 'upstream',
    summary: 'list the brokers behind; drain, eject and return one',
    load: async () => (await import('./upstream-command.ts')).upstreamCommand,
  },
  {
    name: 'limits',
    summary: 'show what is limited and how much is left; change it for now',
    load: async () => (await import('./limits-command.ts')).limitsCommand,
  },
  {
    name: 'ban',
    summary: 'shut somebody out, let them in again, and see who is banned and why',
    load: async () => (await import('./ban-command.ts')).banCommand,
  },
  {
    name: 'alert',
    summary: 'show what is the matter, test who is told of it, and hold alerts back',
    load: async () => (await import('./alert-command.ts')).alertCommand,
  },
  {
    name: 'incident',
    summary: 'collect everything about an address, user or client, and say what to do',
    load: async () => (await import('./incident-command.ts')).incidentCommand,
  },
  {
    name: 'firewall',
    summary: 'guard the ports with nftables, and take that back unless confirmed',
    load: async () => (await import('./firewall-command.ts')).firewallCommand,
  },
  {
    name: 'restart',
    summary: 'replace the workers of the running gateway, one after another',
    load: async () => (await import('./restart-command.ts')).restartCommand,
  },
  {
    name: 'audit',
    summary: 'look for weaknesses of the host, brokers and endpoints',
    load: async () => (await import('./audit-command.ts')).auditCommand,
  },
  {
    name: 'harden',
    summary: 'write the hardened counterpart of what is found',
    load: async () => (await import('./harden-command.ts')).hardenCommand,
  },
  {
    name: 'completion',
    summary: 'complete commands in bash, zsh or fish',
    load: async () => (await import('./completion-command.ts')).completionCommandOf(listed),
  },
  {
    name: 'version',
    summary: 'show what is installed',
    load: async () => (await import('./version-command.ts')).versionCommand,
  },
];

/** Throws a `UsageError` where there is none of this name. */
export async function findCommand(name: string): Promise<Command> {
  const found = listed.find((command) => command.name === name);
  if (found !== undefined) return found.load();
  const names = [...listed.map((command) => command.name), 'help'];
  const meant = nearestWord(name, names);
  const hint = meant === undefined ? `There are: ${names.join(', ')}.` : `Did you mean ${meant}?`;
  throw new UsageError(`The command "${name}" is unknown. ${hint}`);
}
