import assert from "node:assert/strict";
import { test } from "node:test";
import { BadAddress, serverAddress } from "../../src/element/address.ts";

const PAGE = "https://shop.example/help/index.html?a=1#top";
const SCRIPT = "https://chat.example/threads/threadcast-chat.js";
const at = (src: string | null) => serverAddress(src, PAGE, SCRIPT).href;

test("without src, the server is where the script was loaded from", () => {
  for (const src of [null, "", "  "]) assert.equal(at(src), "https://chat.example/threads/");
});

test("src is relative to the page, and ends with a slash", () => {
  assert.equal(at("/chat"), "https://shop.example/chat/");
  assert.equal(at("../chat/"), "https://shop.example/chat/");
  assert.equal(at("https://chat.example"), "https://chat.example/");
  assert.equal(at(" http://127.0.0.1:8080/x?token=t#f "), "http://127.0.0.1:8080/x/");
});

test("what is not an HTTP URL is refused, without repeating a password", () => {
  for (const src of ["javascript:alert(1)", "data:,x", "http://", "ftp://chat.example", "//:"]) {
    assert.throws(() => at(src), BadAddress, src);
  }
  assert.throws(
    () => at("https://ada:geheim@chat.example/"),
    (error) => error instanceof BadAddress && !error.message.includes("geheim"),
  );
});
