/** Messages that wait for one client, with their number and their bytes, so that ceilings can be put on both. */
import { Fifo } from '../base/fifo.ts';
import type { Message } from './message.ts';

export class MessageQueue<T extends { readonly message: Message | undefined }> {
  readonly #items = new Fifo<T>();
  #bytes = 0;

  get length(): number {
    return this.#items.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Which of two ceilings keeps a message of this size out. */
  fullFor(sizeBytes: number, messagesMax: number, bytesMax: number): 'messages' | 'bytes' | undefined {
    if (this.length >= messagesMax) return 'messages';
    return this.#bytes + sizeBytes > bytesMax ? 'bytes' : undefined;
  }

  push(item: T): void {
    this.#items.push(item);
    this.#bytes += item.message?.sizeBytes ?? 0;
  }

  peek(): T | undefined {
    return this.#items.peek();
  }

  shift(): T | undefined {
    const item = this.#items.shift();
    this.#bytes -= item?.message?.sizeBytes ?? 0;
    return item;
  }

  clear(): void {
    this.#items.clear();
    this.#bytes = 0;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#items[Symbol.iterator]();
  }
}
