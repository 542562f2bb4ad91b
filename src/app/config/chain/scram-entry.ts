/** The entry of the chain for SCRAM. */
import { z } from 'zod';
import { SCRAM_MECHANISMS } from '../../../policy/identity/scram-verifier.ts';
import { choice, list, path } from '../fields.ts';
import { entry } from './entry.ts';

export function scramEntry(directory: string) {
  return entry(z.literal('scram'), {
    store: choice(['file', 'users']).prefault('file').meta({
      description: 'Where the verifiers are: a file, or with the built-in users (`sallyport users add NAME --scram`).',
    }),
    file: path(directory)
      .prefault('scram')
      .meta({ description: 'Users and their SCRAM verifiers; `sallyport passwd add NAME --scram` writes it.' }),
    mechanisms: list(choice(SCRAM_MECHANISMS), { min: 1, max: SCRAM_MECHANISMS.length, what: 'mechanisms' })
      .prefault([...SCRAM_MECHANISMS])
      .meta({ description: 'Authentication methods that MQTT 5 clients may name.' }),
  });
}
