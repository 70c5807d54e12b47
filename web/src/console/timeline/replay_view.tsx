/** The controls of a replay, and the run at its position. */
import { useEffect } from "preact/hooks";
import { Markdown } from "../../chat/conversation/markdown/markdown.tsx";
import { IconButton } from "../../design/icon_button.tsx";
import { bytes, count, plural } from "../format.ts";
import {
  advanced,
  type Extent,
  PACES,
  type Picture,
  pictureAt,
  type Replay,
  stepped,
  toggled,
} from "./replay.ts";
import { offset } from "./scale.ts";
import type { RunEvent } from "./waterfall.ts";

interface Props {
  readonly events: readonly RunEvent[];
  readonly extent: Extent;
  readonly replay: Replay;
  readonly onChange: (replay: Replay) => void;
  /** Whether the events include texts. */
  readonly hasContent: boolean;
}

export function ReplayView({ events, extent, replay, onChange, hasContent }: Props) {
  usePlaying(replay, extent, onChange);
  const picture = pictureAt(events, replay.position);
  return (
    <>
      <div class="replay">
        <IconButton
          class="before"
          icon="chevron"
          label="Previous event"
          onClick={() => onChange(stepped(replay, events, -1))}
        />
        <IconButton
          class="play"
          icon={replay.isPlaying ? "pause" : "play"}
          label={replay.isPlaying ? "Pause" : "Replay"}
          onClick={() => onChange(toggled(replay, extent))}
        />
        <IconButton
          icon="chevron"
          label="Next event"
          onClick={() => onChange(stepped(replay, events, 1))}
        />
        <fieldset class="choice">
          <legend class="sr-only">Pace</legend>
          {PACES.map((pace) => (
            <button
              key={pace}
              type="button"
              aria-pressed={replay.pace === pace}
              onClick={() => onChange({ ...replay, pace })}
            >
              {pace}×
            </button>
          ))}
        </fieldset>
        <input
          class="scrub"
          type="range"
          aria-label="Position in the run"
          aria-valuetext={offset(replay.position - extent.from)}
          min={0}
          max={Math.max(0.001, extent.to - extent.from)}
          step="any"
          value={replay.position - extent.from}
          onInput={(event) =>
            onChange({
              ...replay,
              isPlaying: false,
              position: extent.from + event.currentTarget.valueAsNumber,
            })
          }
        />
        <output class="at">{offset(replay.position - extent.from)}</output>
      </div>
      <Moment picture={picture} all={events.length} hasContent={hasContent} />
    </>
  );
}

/** Advances a playing replay in every frame. */
function usePlaying(replay: Replay, extent: Extent, onChange: (replay: Replay) => void): void {
  useEffect(() => {
    if (!replay.isPlaying) return;
    let before = performance.now();
    const frame = requestAnimationFrame((now) => {
      const seconds = Math.max(0, now - before) / 1_000;
      before = now;
      onChange(advanced(replay, seconds, extent));
    });
    return () => cancelAnimationFrame(frame);
  });
}

interface MomentProps {
  readonly picture: Picture;
  /** The number of the run's events. */
  readonly all: number;
  readonly hasContent: boolean;
}

function Moment({ picture, all, hasContent }: MomentProps) {
  return (
    <div class="moment">
      <p>
        <b>{picture.doing}</b>
        <span class="soft">
          {` · ${count(picture.events)} of ${plural(all, "event")} · `}
          {`${plural(picture.pieces, "piece")} of text, ${bytes(picture.bytes)}`}
        </span>
      </p>
      {hasContent ? (
        <div class="streamed">
          <Markdown text={picture.text} isStreaming={false} />
        </div>
      ) : (
        <p class="hint">Text is hidden: your token lacks the scope “content”.</p>
      )}
    </div>
  );
}
