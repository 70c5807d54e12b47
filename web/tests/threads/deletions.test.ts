/** Deleting with a way back. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Deletions } from "../../src/chat/threads/deletions.ts";

const page = new EventTarget();
Object.assign(globalThis, {
  addEventListener: page.addEventListener.bind(page),
  removeEventListener: page.removeEventListener.bind(page),
});

function owner() {
  const log: string[] = [];
  const undos: (() => void)[] = [];
  return {
    log,
    undos,
    remove: async (id: string) => void log.push(`removed ${id}`),
    offer: (undo: () => void) => {
      undos.push(undo);
      return () => log.push("offer gone");
    },
    failed: (error: Error) => void log.push(error.message),
  };
}

test("a thread is gone from the list at once, and from the server some seconds later", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const own = owner();
  const deletions = new Deletions(own);
  deletions.delete("a");
  assert.deepEqual([...deletions.hidden.value], ["a"]);
  mock.timers.tick(6_999);
  assert.deepEqual(own.log, []);
  mock.timers.tick(1);
  await Promise.resolve();
  assert.deepEqual(own.log, ["offer gone", "removed a"]);
  deletions.close();
  mock.timers.reset();
});

test("undo restores the thread and sends nothing", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const own = owner();
  const deletions = new Deletions(own);
  deletions.delete("a", () => own.log.push("undone"));
  own.undos[0]?.();
  mock.timers.tick(60_000);
  assert.equal(deletions.hidden.value.size, 0);
  assert.deepEqual(own.log, ["offer gone", "undone"]);
  deletions.close();
  mock.timers.reset();
});

test("closing the page sends pending deletions", () => {
  const own = owner();
  const deletions = new Deletions(own);
  deletions.delete("a");
  page.dispatchEvent(new Event("pagehide"));
  assert.deepEqual(own.log, ["offer gone", "removed a"]);
  deletions.close();
});

test("a thread that could not be deleted returns to the list, with the reason", async () => {
  const own = owner();
  own.remove = async () => {
    throw new Error("The server cannot be reached.");
  };
  const deletions = new Deletions(own);
  deletions.delete("a");
  deletions.sendAll();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(deletions.hidden.value.size, 0);
  assert.deepEqual(own.log, ["offer gone", "The server cannot be reached."]);
  deletions.close();
});
