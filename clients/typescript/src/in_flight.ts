/** Commands that were sent and not yet answered. Knows no connection. */
import { steadyMs } from "./clock.ts";
import { ThreadcastError, unreachable } from "./error.ts";
import type { CommandRejectedData } from "./protocol.ts";

/** As slow as a connection may be on which a long message still counts as under way: 64 kbit/s. */
const CHARACTERS_PER_MS = 8;

/** When something so long is with the server that is sent now, behind what arrives then. */
export const arrival = (before: number, characters: number): number =>
  Math.max(before, steadyMs()) + characters / CHARACTERS_PER_MS;

interface Waiter {
  readonly arrivesAt: number;
  resolve(answer: never): void;
  reject(error: Error): void;
}

export class InFlight {
  /** When all that was sent is with the server, over a slow connection. */
  arrivesAt = 0;
  #waiters = new Map<string, Waiter>();
  #lastId = 0;

  /** The id of the command that comes next. */
  get nextId(): string {
    return `c${this.#lastId + 1}`;
  }

  /** Since when the oldest one can have been answered; 0 where none waits. */
  get since(): number {
    const [oldest] = this.#waiters.values();
    return oldest?.arrivesAt ?? 0;
  }

  /** One is sent under `nextId`, with a content so long; resolves with its answer's data. */
  add<Answer>(characters: number): Promise<Answer> {
    this.arrivesAt = arrival(this.arrivesAt, characters);
    const id = this.nextId;
    this.#lastId += 1;
    return new Promise((resolve, reject) => {
      this.#waiters.set(id, { arrivesAt: this.arrivesAt, resolve, reject });
    });
  }

  accepted(answer: { id: string }): void {
    this.#take(answer.id)?.resolve(answer as never);
  }

  rejected(answer: CommandRejectedData): void {
    const { id, code, message } = answer;
    this.#take(id)?.reject(new ThreadcastError(code, message, answer as object));
  }

  /** There will be no answers any more. */
  drop(): void {
    const waiters = this.#waiters;
    this.#waiters = new Map();
    for (const { reject } of waiters.values()) reject(unreachable());
  }

  #take(id: string | null): Waiter | undefined {
    const waiter = this.#waiters.get(id as string);
    this.#waiters.delete(id as string);
    return waiter;
  }
}
