/** What a conversation without messages shows: new, loading, failed or missing. */
import type { ChatModel } from "../model.ts";

interface NewProps {
  suggestions: readonly string[];
  onSuggest: (text: string) => void;
}

export function NewConversation({ suggestions, onSuggest }: NewProps) {
  return (
    <div class="blank">
      <h2>What can I do for you?</h2>
      <p>Ask something. The answer appears as it is made, on all your screens.</p>
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

export function NotRead({ model }: { model: ChatModel }) {
  return (
    <div class="blank" role="alert">
      <h2>This conversation could not be read.</h2>
      <p>It is tried again when the connection is back.</p>
      <button type="button" class="button" onClick={() => model.readAgain()}>
        Try again
      </button>
    </div>
  );
}

export function Missing({ model }: { model: ChatModel }) {
  return (
    <div class="blank" role="alert">
      <h2>This conversation does not exist.</h2>
      <p>It may have been deleted, or the link may be somebody else’s.</p>
      <button type="button" class="button primary" onClick={() => model.open(null)}>
        Start a new conversation
      </button>
    </div>
  );
}
