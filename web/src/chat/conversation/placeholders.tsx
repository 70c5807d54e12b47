/** What a conversation without messages shows: new, loading, failed or missing. */
import type { ChatModel } from "../model.ts";

interface NewProps {
  suggestions: readonly string[];
  onSuggest: (text: string) => void;
}

export function NewConversation({ suggestions, onSuggest }: NewProps) {
  return (
    <div class="placeholder">
      <h2>How can I help?</h2>
      <p>Ask anything. The answer streams to all your devices.</p>
      {suggestions.length > 0 && (
        <ul class="suggestions" aria-label="Suggestions">
          {suggestions.map((text) => (
            <li key={text}>
              <button type="button" class="button" onClick={() => onSuggest(text)}>
                {text}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

export function Loading() {
  return (
    <div class="skeleton" role="status">
      <span class="sr-only">Loading…</span>
      <i class="short" />
      <i />
      <i />
      <i class="half" />
    </div>
  );
}

export function LoadFailed({ model }: { model: ChatModel }) {
  return (
    <div class="placeholder" role="alert">
      <h2>This conversation could not be loaded</h2>
      <p>It will be loaded when the connection is back.</p>
      <button type="button" class="button" onClick={() => model.readAgain()}>
        Try again
      </button>
    </div>
  );
}

export function Missing({ model }: { model: ChatModel }) {
  const isDeleted = model.failure.value === "deleted";
  return (
    <div class="placeholder" role="alert">
      <h2>Conversation {isDeleted ? "deleted" : "not found"}</h2>
      <p>
        {isDeleted
          ? "It was deleted in another tab or on another device."
          : "It was deleted, or it belongs to somebody else."}
      </p>
      <button type="button" class="button primary" onClick={() => model.open(null)}>
        Start a new conversation
      </button>
    </div>
  );
}
