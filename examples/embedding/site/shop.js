/** Who is signed in at the shop, and the tokens for the chat. */
const chat = document.querySelector("threadcast-chat");
const place = (id) => document.getElementById(id);

async function ask(path, body = {}) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(`the shop answered ${answer.status}`);
  return answer.status === 204 ? null : answer.json();
}

// The chat asks when it connects, and again before a token ends: every call gives a new one.
window.shop = {
  async chatToken() {
    return (await ask("chat-token"))?.token ?? null;
  },
};
chat.suggestions = ["What is 15% of 240?", "What time is it in Tokyo?"];

place("in").addEventListener("submit", async (event) => {
  event.preventDefault();
  await ask("sign-in", { name: new FormData(event.target).get("name") });
  location.reload();
});
place("out").addEventListener("click", async () => {
  chat.signOut();
  await ask("sign-out");
  location.reload();
});

const customer = await ask("chat-token");
place("in").hidden = customer !== null;
place("account").hidden = customer === null;
place("who").textContent = customer?.name ?? "";
chat.hidden = customer === null;
