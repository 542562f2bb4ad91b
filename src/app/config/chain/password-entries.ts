/** Entries of the chain for users whom the gateway keeps itself. */
import { z } from 'zod';
import { entry } from './entry.ts';
import { unknownUser } from './unknown-user.ts';

export const passwordFileEntry = entry(z.literal('password-file'), { unknownUser: unknownUser() });
export const usersEntry = entry(z.literal('users'), { unknownUser: unknownUser() });
