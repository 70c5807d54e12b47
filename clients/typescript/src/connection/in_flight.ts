/** Commands that wait for their response. Knows no connection. */
import { steadyMs } from "../clock.ts";
import { ThreadcastError, unreachable } from "../error.ts";
import type { CommandAccepted, CommandRejectedData } from "../protocol.ts";

/** 64 kbit/s, the slowest upload that liveness checks allow for. */
const CHARACTERS_PER_MS = 8;

/**
 * When a text that is sent now reaches the server over the slowest upload.
 *
 * @param before when everything sent earlier has arrived
 */
export const arrival = (before: number, characters: number): number =>
  Math.max(before, steadyMs()) + characters / CHARACTERS_PER_MS;

interface Waiter {
  readonly arrivesAt: number;
  resolve(answer: CommandAccepted): void;
  reject(error: Error): void;
}

export class InFlight {
  /** When everything sent so far has reached the server over the slowest upload. */
  arrivesAt = 0;
  #waiters = new Map<string | null, Waiter>();
  #lastId = 0;

  /** The id of the next command. */
  get nextId(): string {
    return `c${this.#lastId + 1}`;
  }

  /** When the oldest unanswered command reached the server; 0 if there is none. */
  get since(): number {
    const [oldest] = this.#waiters.values();
    return oldest?.arrivesAt ?? 0;
  }

  /** A command is being sent as `nextId`. Resolves with the data of its response. */
  add(characters: number): Promise<CommandAccepted> {
    this.arrivesAt = arrival(this.arrivesAt, characters);
    const id = this.nextId;
    this.#lastId += 1;
    return new Promise((resolve, reject) => {
      this.#waiters.set(id, { arrivesAt: this.arrivesAt, resolve, reject });
    });
  }

  accepted(answer: CommandAccepted): void {
    this.#take(answer.id)?.resolve(answer);
  }

  rejected(answer: CommandRejectedData): void {
    const { id, code, message } = answer;
    this.#take(id)?.reject(new ThreadcastError(code, message, answer));
  }

  /** The connection is gone: no more responses will come. */
  drop(): void {
    const waiters = this.#waiters;
    this.#waiters = new Map();
    for (const { reject } of waiters.values()) reject(unreachable());
  }

  #take(id: string | null): Waiter | undefined {
    const waiter = this.#waiters.get(id);
    this.#waiters.delete(id);
    return waiter;
  }
}
