/** The host as a target: there is always one. */
import { access } from '../checks/access/access.ts';
import { hardening } from '../checks/hardening/hardening.ts';
import { services } from '../checks/services/services.ts';
import { tlsHost } from '../checks/tls/tls.ts';
import { updates } from '../checks/updates/updates.ts';
import { defineSubject, type Subject } from '../model/subject.ts';
import type { Target } from '../model/target.ts';
import { collectHost } from './host-facts.ts';

export const HOST: Target = { kind: 'host', id: 'host', label: 'this host', place: '/' };

export const hostSubject: Subject = defineSubject({
  kind: 'host',
  families: [updates, tlsHost, services, access, hardening],
  discover: async () => [HOST],
  targetAt: () => HOST,
  collect: (_target, context) => collectHost(context),
});
