/** Tabs of one browser: each has a client, and they share a storage that tells the others. */
import type { Client } from "../src/index.ts";

/** A storage as browsers have it: its items are properties, too. */
export class Items {
  getItem(name: string): string | null {
    return this.#all[name] ?? null;
  }

  setItem(name: string, value: string): void {
    this.#all[name] = value;
  }

  removeItem(name: string): void {
    delete this.#all[name];
  }

  get #all(): Record<string, string> {
    return this as unknown as Record<string, string>;
  }
}

/** The name of the item that keeps a user's cursor. */
export const keptName = (user: string): string =>
  `cursor threadcast ${JSON.stringify(["http://test/", user])}`;

export const storage = (): Storage => new Items() as unknown as Storage;

/** Node.js has no `StorageEvent`. */
class Stored extends Event implements Pick<StorageEvent, "key" | "newValue"> {
  readonly key: string;
  readonly newValue: string | null;

  constructor(key: string, newValue: string | null) {
    super("storage");
    this.key = key;
    this.newValue = newValue;
  }
}
Object.assign(globalThis, { StorageEvent: Stored });

export class Tabs {
  readonly items = storage();
  /** How late the tabs tell one another. */
  lateMs = 0;
  #clients = new Map<Storage, Client>();

  /** The storage as a tab sees it, for the client that this makes. */
  open<C extends Client>(make: (storage: Storage) => C): C {
    const tell = (key: string, newValue: string | null) => {
      for (const [other, client] of this.#clients) {
        if (other === seen) continue;
        const told = () => client.handleEvent(new Stored(key, newValue));
        if (this.lateMs) setTimeout(told, this.lateMs);
        else queueMicrotask(told);
      }
    };
    const { items } = this;
    const seen = new Proxy(items, {
      get(_, name) {
        if (name === "setItem")
          return (key: string, value: string) => {
            items.setItem(key, value);
            tell(key, value);
          };
        if (name === "removeItem")
          return (key: string) => {
            if (items.getItem(key) === null) return;
            items.removeItem(key);
            tell(key, null);
          };
        return Reflect.get(items, name).bind(items);
      },
    });
    const client = make(seen);
    this.#clients.set(seen, client);
    return client;
  }

  /** It is gone, and nothing of it runs any more. */
  crash(client: Client): void {
    for (const [seen, one] of this.#clients) if (one === client) this.#clients.delete(seen);
  }
}
