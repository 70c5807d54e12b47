/**
 * What Markdown can become: a closed list of things to show. There is no place in it for markup,
 * scripts or addresses that were not checked, so whatever a text says, a view cannot show more.
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
  /** Of a task list: whether it is done; null elsewhere. */
  readonly isDone: boolean | null;
}

export type Block =
  | { readonly kind: "paragraph" | "line"; readonly children: readonly Inline[] }
  | { readonly kind: "heading"; readonly level: number; readonly children: readonly Inline[] }
  | {
      readonly kind: "code";
      readonly language: string;
      readonly text: string;
      /** More of it may come. */
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
  /** Text as it was written: markup of HTML, and what is too tangled to be read. */
  | { readonly kind: "plain"; readonly text: string }
  | { readonly kind: "rule" };
