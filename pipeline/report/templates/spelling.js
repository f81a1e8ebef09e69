"use strict";
// Spell tokens as text that people read, exactly as `pipeline.tokens.spelling` does.

const Spelling = (() => {
  const CLOSING = new Set(".,;:!?%)]}…”’»›।॥،؛؟۔།༎°"), OPENING = new Set("([{“‘„«‹¿¡$£€#@");
  const QUOTES = new Set("\"'"), LINKS = new Set("-/"), IN_NUMBERS = new Set(".,:");
  const TSHEG = "\u0f0b", WINDOW = 2, UNKNOWN = "[UNK]";
  const UNSPACED = new RegExp(
    "[\\u0e00-\\u0eff\\u1000-\\u109f\\ua9e0-\\ua9ff\\uaa60-\\uaa7f\\u1780-\\u17ff\\u1950-\\u19df\\u1a20-\\u1aaf" +
    "\\uaa80-\\uaadf\\u{11700}-\\u{1174f}\\u1b00-\\u1b7f\\ua980-\\ua9df\\u2e80-\\u312f\\u3190-\\u33ff" +
    "\\uff65-\\uff9f\\u{1aff0}-\\u{1b2ff}\\u3400-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{3ffff}\\ua000-\\ua4cf" +
    "\\u{16fe0}-\\u{18dff}\\uff01-\\uff64]", "u");
  const SYLLABLE = /[\u0f00\u0f20-\u0f33\u0f35\u0f37\u0f39\u0f3e-\u0fbc]/u;
  const isUnspaced = text => UNSPACED.test(text), isSyllable = text => SYLLABLE.test(text);
  const isWord = token => token === UNKNOWN || /[\p{L}\p{N}]$/u.test(token);
  const isDecimal = text => /^\p{Nd}+$/u.test(text);
  const firstOf = text => [...text][0] ?? "", lastOf = text => [...text].at(-1) ?? "";

  /** Return the text of each token id, with the space before it where there is one; see `spell` there. */
  function spell(tokenizer, ids) {
    const speller = new Speller(tokenizer);
    return Array.from(ids, id => speller.add(id));
  }

  /** Spell one token after the other. */
  class Speller {
    constructor(tokenizer) {
      this.tokenizer = tokenizer;
      this.begin();
    }

    begin() {
      this.words = [];  // the last ones that no space separates, and at least one
      this.open = new Set();  // straight quotes
      this.attached = false;  // whether the next word follows without a space
    }

    /** Return a speller that has read the same tokens. */
    copy() {
      const other = Object.assign(new Speller(this.tokenizer), this);
      other.open = new Set(this.open);
      return other;
    }

    add(id) {
      const { vocabulary, continued, end, isOfCharacters } = this.tokenizer;
      const token = vocabulary[id];
      if (isOfCharacters) return id === 0 || id === end ? "" : token;
      if (id === 0 || id === end) {
        this.begin();
        return "";
      }
      if (continued && token.startsWith(continued) && token !== continued) {
        const piece = token.slice(continued.length);
        this.words = [...this.words.slice(0, -1), (this.words.at(-1) ?? "") + piece];
        return piece;
      }
      const between = this.between(token);
      this.words = [...(between ? [] : this.words.slice(-WINDOW)), token];
      return between + token;
    }

    /** Return what is written between the last word and the next one. */
    between(word) {
      const before = this.words.at(-1) ?? "";
      const wanted = this.wanted(before, word);
      if (!before) return "";
      const joined = wanted ? [before, word] : [...this.words.slice(-WINDOW), word];
      const isSure = wanted === " " || joined.includes(UNKNOWN);
      return isSure || this.areParts(joined, wanted) ? wanted : " ";
    }

    wanted(before, word) {
      const { attached } = this;
      this.attached = false;
      if (QUOTES.has(word)) return this.quote(before, word, attached);
      if (OPENING.has(word)) {
        this.attached = true;
        return attached || isUnspaced(lastOf(before)) ? "" : " ";
      }
      if (LINKS.has(word) && isWord(before)) {
        this.attached = true;
        return "";
      }
      if (attached || CLOSING.has(word) || (word === before && !isWord(word))) return "";
      if (IN_NUMBERS.has(before) && this.continuesNumber(before, word)) return "";
      if (isSyllable(lastOf(before)) && isSyllable(firstOf(word))) return TSHEG;
      return isUnspaced(lastOf(before)) || isUnspaced(firstOf(word)) ? "" : " ";
    }

    /** Return whether digits follow a sign within a number; of a comma's, three. */
    continuesNumber(sign, word) {
      const first = this.words.at(-2) ?? "";
      return isDecimal(word) && isDecimal(first) && (sign !== "," || [...word].length === 3);
    }

    /** Return what is written before a straight quote, which closes if one is open. */
    quote(before, word, attached) {
      if (this.open.delete(word)) return "";
      if (word === "'" && before.endsWith("s")) return "";  // the actors' names
      this.open.add(word);
      this.attached = true;
      return attached ? "" : " ";
    }

    /** Return whether words are still the same ones when no space stands before the last. */
    areParts(words, between) {
      const { normal } = Words.normalise(words.slice(0, -1).join("") + between + words.at(-1));
      const cut = this.tokenizer.cut(normal).map(([start, end]) => normal.slice(start, end));
      return cut.length === words.length && cut.every((word, place) => word === words[place]);
    }
  }

  return { spell, Speller, isUnspaced, isSyllable };
})();
