/** The page: puts the parts together and shows what they say, at most once per frame. */

import { hush } from "./announcer.js";
import { Client } from "./client.js";
import { askText, askWhether, dismissQuestion } from "./dialogs.js";
import { setText } from "./dom.js";
import { Session } from "./session.js";
import { isRunning, titleOf } from "./state.js";
import { bannerView } from "./view_banner.js";
import { composerView } from "./view_composer.js";
import { conversationView } from "./view_conversation.js";
import { signInView } from "./view_sign_in.js";
import { threadListView } from "./view_threads.js";

const TITLE_MAX_CHARACTERS = 200;
const SIGN_IN_TITLE = "Sign in · Threadcast";
const THREAD_ADDRESS = /^#(thread_[a-z0-9_]{1,125})$/;
const SUGGESTIONS = [
  "What is 15% of 240?", "What time is it in Tokyo?", "Ask me for a number", "Count to 200",
];

const root = document.documentElement;
const element = (id) => document.getElementById(id);
const session = new Session({
  base: new URL(".", location.href.split(/[?#]/, 1)[0]), dev: root.dataset.dev === "true",
});
const client = new Client(session, {
  onChange: schedule,
  onThread: threadMade,
  onProblem: sayProblem,
  onOpenDeleted() {
    sayProblem("This conversation was deleted.");
    location.hash = "";
  },
  onOtherUser() {
    forgetPerson();
    location.hash = "";
  },
});

let draftCount = 1;
let draft = `draft ${draftCount}`;
let isScheduled = false;
let problemTimer = null;

const signIn = signInView(element("sign-in"), session, begin);
const banner = bannerView(element("banner"), { reconnect });
const threads = threadListView(element("thread-list"), {
  olderThreads: () => client.readOlderThreads(),
  seen: (id) => client.glance(id),
});
const composer = composerView({
  form: element("composer"), text: element("message"), stop: element("stop"),
  note: element("composer-note"),
}, { send, stop });
const conversation = conversationView(element("scroller"), element("jump"), {
  suggestions: session.dev ? SUGGESTIONS : [],
  suggest: (text) => composer.write(text),
  earlier: () => client.readEarlier(),
  read: () => client.readAgain(),
  startNew: () => { location.hash = ""; },
  answer: (runId, inputId, value) => client.outbox.addAnswer(runId, inputId, value),
  sendAgain: send,
  retry: (key) => client.outbox.retry(key),
  discard: (key) => client.outbox.drop(key),
});

// --- what the person does ----------------------------------------------------------------------

function send(content) {
  const thread = client.openId;
  client.outbox.addMessage(content, { thread, draft: thread === null ? draft : null });
  conversation.follow();
}

function stop() {
  const active = Object.keys(client.state.threads[client.openId]?.active ?? {});
  for (const runId of active) client.outbox.addCancel(runId);
}

function reconnect() {
  if (client.status.phase === "stopped") client.start();
  else client.connection.nudge();
}

async function rename() {
  const id = client.openId;
  const title = await askText({
    title: "Rename this conversation", value: titleOf(client.state.threads[id]),
    maxlength: TITLE_MAX_CHARACTERS, action: "Rename",
  });
  if (title !== null) await client.rename(id, title);
}

async function remove() {
  const id = client.openId;
  const title = titleOf(client.state.threads[id]);
  const isSure = await askWhether({
    title: "Delete this conversation?",
    text: `“${title}” and all that was said in it will be gone, on every screen.`,
    action: "Delete",
  });
  if (isSure) await client.remove(id);
}

function signOut() {
  session.endEverywhere();
  leave("");
}

function signedOutElsewhere() {
  const wasSignedIn = session.isSignedIn;
  session.end();
  if (wasSignedIn) leave("You signed out in another tab.");
}

function leave(reason) {
  client.end(reason);
  forgetPerson();
  history.replaceState(null, "", location.pathname);
  show();
}

/** Nothing of who was here may stay in the page. */
function forgetPerson() {
  dismissQuestion();
  composer.clear();
  hush();
  sayProblem("");
  startDraft();
}

// --- which thread is open: the address says it -------------------------------------------------

function follow() {
  const id = THREAD_ADDRESS.exec(location.hash)?.[1] ?? null;
  showDrawer(false);
  if (id === null) startDraft();
  client.open(id);
  composer.focus();
}

function startDraft() {
  draftCount += 1;
  draft = `draft ${draftCount}`;
}

/** The first message of a draft has made its thread. */
function threadMade(madeBy, threadId) {
  if (client.openId !== null || madeBy !== draft) return;
  composer.rename(threadId);
  history.pushState(null, "", `#${threadId}`);
  client.open(threadId);
}

// --- showing -----------------------------------------------------------------------------------

function schedule() {
  if (isScheduled) return;
  isScheduled = true;
  const later = document.hidden ? (work) => setTimeout(work, 250) : requestAnimationFrame;
  later(() => {
    isScheduled = false;
    show();
  });
}

function show() {
  const { state, status, openId } = client;
  root.dataset.connection = status.phase;
  banner.update(status);
  const isIn = status.phase !== "signed_out" && client.isOurs;
  showSignIn(!isIn, status.reason ?? "Signing in…");
  // Whose token ended finds everything again behind the form; whoever signed out, nothing.
  if (!isIn && state.user !== null) return;
  threads.update(state, openId);
  setText(element("user"), state.user ?? "");
  showThread(openId === null ? null : state.threads[openId] ?? null, openId);
  if (!isIn) document.title = SIGN_IN_TITLE;
}

function showThread(thread, openId) {
  const { outbox } = client;
  const isDraft = openId === null;
  const key = openId ?? draft;
  const failure = client.failedReads.get(openId) ?? null;
  const title = titleFor(thread, { isDraft, failure });
  setText(element("title"), title);
  document.title = isDraft || title === "" ? "Threadcast" : `${title} · Threadcast`;
  element("thread-actions").hidden = thread === null;
  const isIn = (entry) => entry.kind === "message"
    && (isDraft ? entry.draft === draft : entry.thread === openId) && !isShownInHistory(entry, thread);
  conversation.update({
    key,
    history: thread?.history ?? null,
    failure,
    entries: outbox.entries.filter(isIn),
    context: {
      entries: outbox.entries, find: (one) => outbox.find(one),
      isOffline: client.status.phase !== "live" && client.status.phase !== "attaching",
    },
    isDraft,
  });
  const active = Object.keys(thread?.active ?? {});
  composer.update({
    key, canStop: thread !== null && isRunning(thread),
    isStopping: active.length > 0 && active.every((id) => outbox.find(id) !== undefined),
    isClosed: failure === "missing",
  });
}

function titleFor(thread, { isDraft, failure }) {
  if (failure === "missing") return "Not found";
  if (thread !== null) return titleOf(thread);
  return isDraft ? "New conversation" : "";
}

function isShownInHistory({ key }, thread) {
  const runs = thread?.history?.runs ?? {};
  return Object.values(runs).some((run) => run.message?.clientMessageId === key);
}

function sayProblem(text) {
  clearTimeout(problemTimer);
  const place = element("problem");
  setText(place, text);
  place.hidden = text === "";
  problemTimer = setTimeout(() => { place.hidden = true; }, 6_000);
}

function showDrawer(isOpen) {
  root.classList.toggle("drawer-open", isOpen);
  element("menu").setAttribute("aria-expanded", String(isOpen));
  if (isOpen) element("new-thread").focus();
}

function showSignIn(isShown, reason) {
  if (element("application").hidden === isShown && element("sign-in").hidden !== isShown) return;
  element("application").hidden = isShown;
  if (isShown) {
    document.title = SIGN_IN_TITLE;
    hush();
    signIn.show(reason);
  } else {
    signIn.hide();
    composer.focus();
  }
}

// --- beginning ---------------------------------------------------------------------------------

function begin() {
  client.start();
  follow();
}

async function beginAgain() {
  try {
    await session.signInAgain();
    begin();
  } catch {
    schedule();
  }
}

element("skip").addEventListener("click", (event) => {
  event.preventDefault();
  element("message").focus();
});
element("rename").addEventListener("click", rename);
element("delete").addEventListener("click", remove);
element("sign-out").addEventListener("click", signOut);
element("new-thread").addEventListener("click", () => {
  if (client.openId === null) follow();
  else location.hash = "";
});
element("menu").addEventListener("click", () => showDrawer(true));
element("scrim").addEventListener("click", () => showDrawer(false));
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !root.classList.contains("drawer-open")) return;
  showDrawer(false);
  element("menu").focus();
});
session.onEndedElsewhere(signedOutElsewhere);
addEventListener("hashchange", () => { if (session.isSignedIn) follow(); });
addEventListener("online", () => client.connection.nudge());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  schedule();
  client.connection.nudge();
});
addEventListener("beforeunload", (event) => {
  if (client.outbox.holdsMessages) event.preventDefault();
});

if (session.rememberedName === null) schedule();
else beginAgain();
