/** What screen readers are told while an answer streams. */
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Announcer } from "../../src/chat/conversation/announcer.ts";
import { run } from "./a_run.ts";

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

/** What is announced while a text comes in these pieces, 500 ms apart. */
function announced(...pieces: string[]): string[] {
  const announcer = new Announcer();
  const said: string[] = [];
  announcer.words.subscribe((words) => words && said.push(words));
  const streamed = (text: string) => run({ steps: [{ kind: "text", text, startedAt: 100 }] });
  let text = "";
  for (const piece of pieces) {
    text += piece;
    announcer.tell(streamed(text));
    mock.timers.tick(500);
  }
  announcer.tell({ ...streamed(text), status: "completed" });
  mock.timers.tick(2_000);
  return said;
}

test("each sentence is announced once, and whole", () => {
  const pieces = ["It **is", "** so. And", " then `mo", "re`. What", " else?", " Noth", "ing"];
  assert.deepEqual(announced(...pieces), ["It is so. And then more.", "What else? Nothing"]);
});

test("sentences end in other scripts, too", () => {
  const rest = ["…", "…", "…", "…", "…"];
  assert.deepEqual(announced("好的。然后", ...rest)[0], "好的。");
  assert.deepEqual(announced("كيف حالك؟ أنا", ...rest)[0], "كيف حالك؟");
});
