/** Stand-in. */
import type { ChatModel } from "../model.ts";

export function Conversation({ model, threadId }: { model: ChatModel; threadId: string | null }) {
  const history = model.state.value.threads[threadId ?? ""]?.history;
  return (
    <div style={{ flex: "1", overflow: "auto" }}>
      {history?.order.map((id) => (
        <pre key={id} style={{ whiteSpace: "pre-wrap" }}>
          {history.runs[id]?.message?.content} [{history.runs[id]?.status}]
          {history.runs[id]?.steps.map((step) => (step.kind === "text" ? step.text : step.kind))}
        </pre>
      ))}
      <textarea
        id="message"
        aria-label="Message"
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          model.send(event.currentTarget.value);
          event.currentTarget.value = "";
        }}
      />
    </div>
  );
}
