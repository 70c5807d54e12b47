/**
 * What Markdown can become: a closed set of nodes. It cannot express HTML, scripts or unchecked
 * URLs, so no text can make a view render them.
 */

export type Inline =
  | string
  | { readonly kind: "strong" | "em" | "del"; readonly children: readonly Inline[] }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "link"; readonly href: string; readonly children: readonly Inline[] }
  | { readonly kind: "break" };

export type Align = "start" | "center" | "end";

export interface Item {
  readonly blocks: readonly Block[];
  /** Whether a task list's item is checked; null in other lists. */
  readonly isDone: boolean | null;
}

export type Block =
  | { readonly kind: "paragraph" | "line"; readonly children: readonly Inline[] }
  | { readonly kind: "heading"; readonly level: number; readonly children: readonly Inline[] }
  | {
      readonly kind: "code";
      readonly language: string;
      readonly text: string;
      /** Whether more of it may come. */
      readonly isOpen: boolean;
    }
  | { readonly kind: "quote"; readonly blocks: readonly Block[] }
  | {
      readonly kind: "list";
      /** The first number; null for bullets. */
      readonly start: number | null;
      readonly items: readonly Item[];
    }
  | {
      readonly kind: "table";
      readonly aligns: readonly Align[];
      readonly head: readonly (readonly Inline[])[];
      readonly rows: readonly (readonly (readonly Inline[])[])[];
    }
  /** Source shown as text: HTML, and what would take too long to parse. */
  | { readonly kind: "plain"; readonly text: string }
  | { readonly kind: "rule" };
