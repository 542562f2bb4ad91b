/**
 * What it costs to be watched. Prints figures; each part is a file in `observability/`:
 * `node bench/observability.ts [messages] [storm] [watchers] [control] [journal] [search]` runs those that are named, or all.
 * `--connections=300` takes fewer than 1000, `--records=10000000` searches among more than 200,000 records, in a journal that
 * `--journal=DIR` keeps for the next time; `--smoke` shows that it works.
 */
import { controlApi } from './observability/control.ts';
import { journal } from './observability/journal.ts';
import { costOfMessages } from './observability/messages.ts';
import { search } from './observability/search.ts';
import { refusalStorm } from './observability/storm.ts';
import { watchers } from './observability/watchers.ts';

const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  messages: costOfMessages,
  storm: refusalStorm,
  watchers,
  control: controlApi,
  journal,
  search,
};

const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const unknown = named.find((name) => !Object.hasOwn(PARTS, name));
if (unknown !== undefined) {
  process.stderr.write(`There is no part "${unknown}": ${Object.keys(PARTS).join(', ')}.\n`);
  process.exit(2);
}
for (const [name, run] of Object.entries(PARTS)) if (named.length === 0 || named.includes(name)) await run();
process.exit(0);
