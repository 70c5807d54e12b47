/** Commands that wait for their response. Knows no connection. */
import { steadyMs } from "../clock.ts";
import { unreachable } from "../error.ts";
import type { CommandAccepted } from "../protocol.ts";

/** 64 kbit/s, the slowest upload that liveness checks allow for. */
const CHARACTERS_PER_MS = 8;

/**
 * When a text that is sent now reaches the server over the slowest upload.
 *
 * @param before when everything sent earlier has arrived
 */
export const arrival = (before: number, characters: number): number =>
  Math.max(before, steadyMs()) + characters / CHARACTERS_PER_MS;

interface Waiter extends PromiseWithResolvers<CommandAccepted> {
  readonly arrivesAt: number;
}

export class InFlight {
  /** When everything sent so far has reached the server over the slowest upload. */
  arrivesAt = 0;
  #waiters = new Map<string | null, Waiter>();

  /** When the oldest unanswered command reached the server; 0 if there is none. */
  get since(): number {
    const [oldest] = this.#waiters.values();
    return oldest?.arrivesAt ?? 0;
  }

  /** A command is being sent. Resolves with the data of its response. */
  add(id: string, characters: number): Promise<CommandAccepted> {
    this.arrivesAt = arrival(this.arrivesAt, characters);
    const waiter = Promise.withResolvers<CommandAccepted>();
    this.#waiters.set(id, { ...waiter, arrivesAt: this.arrivesAt });
    return waiter.promise;
  }

  /** The connection is gone: no more responses will come. */
  drop(): void {
    for (const { reject } of this.#waiters.values()) reject(unreachable());
    this.#waiters.clear();
  }

  /** What waits for the response with this id, which has come. */
  take(id: string | null): Waiter | undefined {
    const waiter = this.#waiters.get(id);
    this.#waiters.delete(id);
    return waiter;
  }
}
