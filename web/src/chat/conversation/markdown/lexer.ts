/**
 * Marked's lexer with its running time bounded for any text. Two of its rules scan the whole rest of
 * the text for each character or line: here they see less of it. Inline text with too many marks is
 * left as plain text.
 */
import { Lexer, type Links, type Token, Tokenizer, type Tokens } from "marked";
import { isTangledPiece } from "./tangled.ts";

/** Plain text up to where something else may begin: a mark, a line end, a URL, an email address. */
const TEXT =
  /^(?:`+|~+|[\s\S])[\s\S]*?(?=[\\<![`*~_]| {0,8}\n|(?<!\w)(?:(?:https?|ftp|mailto|xmpp):|www\.)|(?<![\w.+-])[\w.+-]{1,64}@|$)/i;

/** The longest setext heading. */
const TITLE_MAX_CHARACTERS = 300;

class QuickTokenizer extends Tokenizer {
  override lheading(source: string): Tokens.Heading | undefined {
    const near = source.slice(0, TITLE_MAX_CHARACTERS);
    if (near.length === source.length) return super.lheading(source);
    return super.lheading(near.slice(0, near.lastIndexOf("\n") + 1));
  }

  override inlineText(source: string): Tokens.Text | undefined {
    const raw = TEXT.exec(source)?.[0];
    return raw === undefined ? undefined : { type: "text", raw, text: raw, escaped: false };
  }
}

class QuickLexer extends Lexer {
  override inlineTokens(source: string, tokens: Token[] = []): Token[] {
    if (!isTangledPiece(source)) return super.inlineTokens(source, tokens);
    for (const [index, line] of source.split("\n").entries()) {
      if (index > 0) tokens.push({ type: "br", raw: "\n" });
      tokens.push({ type: "escape", raw: line, text: line });
    }
    return tokens;
  }
}

/** @param known link definitions from earlier in the text; returned together with the new ones */
export function lex(text: string, known: Links): { tokens: Token[]; links: Links } {
  const lexer = new QuickLexer({ gfm: true, breaks: true, tokenizer: new QuickTokenizer() });
  Object.assign(lexer.tokens.links, known);
  const tokens = lexer.lex(text);
  return { tokens, links: tokens.links };
}
