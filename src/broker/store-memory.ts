/** A store that keeps nothing: what the broker knows ends with the process. */
import type { Store, StoreSnapshot } from './store.ts';

export class MemoryStore implements Store {
  async load(): Promise<StoreSnapshot> {
    return { sessions: [], retained: [] };
  }

  putSession(): void {}
  deleteSession(): void {}
  putSubscription(): void {}
  deleteSubscription(): void {}
  putOutgoing(): void {}
  deleteOutgoing(): void {}
  putIncoming(): void {}
  deleteIncoming(): void {}
  putRetained(): void {}
  deleteRetained(): void {}

  whenSafe(run: () => void): void {
    run();
  }

  healthy(): boolean {
    return true;
  }

  async close(): Promise<void> {}
}
