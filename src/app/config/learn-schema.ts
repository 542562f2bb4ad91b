/** Recording what clients really use: whether, and how much is told apart. */
import { flag, section, wholeNumber } from './fields.ts';

export const learnSchema = section({
  enabled: flag().prefault(false).meta({
    description: 'Whether it goes on from the start; `sallyport policy learn start` switches it on for a while.',
  }),
  usersMax: wholeNumber({ min: 1, max: 1_000_000 })
    .prefault(20_000)
    .meta({ description: 'Users that are told apart; of more, nothing is recorded.' }),
  branchingMax: wholeNumber({ min: 1, max: 1000 })
    .prefault(16)
    .meta({ description: "Values that a level of one user's topics keeps apart before it becomes +." }),
});
