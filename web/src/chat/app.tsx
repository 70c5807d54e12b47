/** The whole page: the sign-in form, or the signed-in user's chat. */
import { ChatPage } from "./chat_page.tsx";
import type { SessionModel } from "./session_model.ts";
import { SignIn } from "./sign_in/sign_in.tsx";

export function App({ owner }: { owner: SessionModel }) {
  const { session } = owner;
  const now = session.now.value;
  const model = owner.model.value;
  if (now.phase === "beginning") return null;
  if (now.phase === "out" || model === null) {
    return <SignIn session={session} reason={now.phase === "out" ? now.reason : ""} />;
  }
  return (
    <ChatPage
      key={model}
      model={model}
      hasConsole={session.facts.console}
      onSignOut={() => owner.signOut()}
    />
  );
}
