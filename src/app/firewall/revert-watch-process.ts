/** Waits, then takes the ruleset back unless somebody has confirmed it. Arguments: milliseconds, and the mark of the apply. */
import { revertRuleset } from './installation.ts';
import { runNft } from './nft.ts';

const [delay = '0', mark = ''] = process.argv.slice(2);

/** A restore that fails is tried again: nothing else would let the operator in. */
const TRIES = 10;
const BETWEEN_TRIES_MS = 1000;

/** Sleeps whole: there is nothing else to do, and what is loaded already cannot go missing. */
function sleep(durationMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs);
}

await new Promise<void>((resolve) => {
  process.once('disconnect', resolve);
  process.send!('stands');
});
sleep(Number(delay));
for (let left = TRIES; left > 0; left--) {
  try {
    await revertRuleset(runNft, mark);
    break;
  } catch (error) {
    if (left === 1) throw error;
    sleep(BETWEEN_TRIES_MS);
  }
}
