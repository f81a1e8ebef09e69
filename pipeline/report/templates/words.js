"use strict";
// Clean a text, cut it into words and these into tokens, exactly as `pipeline.data.cleaning`,
// `pipeline.words` and the library tokenizers do in training: `tests/report/test_words_in_browser.py`
// compares them on odd texts. Python's classes of characters are not those of JavaScript, so that
// none of JavaScript's own (\s, \w, \b) stands here.

const Words = (() => {
  const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
  const WORD = "\\p{L}\\p{N}_";
  const SPACES = new RegExp(`[${SPACE}]+`, "gu");
  const INVISIBLE = new RegExp(
    "[\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b\\u200e\\u200f\\u202a-\\u202e" +
    "\\u2060-\\u206f\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffc\\u{e0000}-\\u{e0fff}]+", "gu");
  const CONTROL = /\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0e-\x1b\x7f]|\\[rn]/gu;
  const MISREAD = /[\x80-\x9f]/gu;
  const CP1252 = "€\0‚ƒ„…†‡ˆ‰Š‹Œ\0Ž\0\0‘’“”•–—˜™š›œ\0žŸ";  // of \x80 and so on; \0: none
  const JOINERS = /[\u200c\u200d]+/gu;

  const ENTITY = /&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});|&(?:amp|lt|gt|quot|nbsp)(?![A-Za-z0-9=;])/gu;
  const MOST_LAYERS = 5;  // of entities of entities
  const HIDDEN = new RegExp(
    `<(script|style)(?![${WORD}])[^<>]*>.*?</\\1[${SPACE}]*>|<!--.*?-->|<!\\[CDATA\\[|\\]\\]>|<[!?][A-Za-z][^<>]*>`,
    "gius");
  const TAG = new RegExp(
    `</?([A-Za-z][${WORD}:.\\-]*)(?:[${SPACE}]+[${WORD}:@.\\-]+[${SPACE}]*=[${SPACE}]*` +
    `(?:"[^"]*"|'[^']*'|[^${SPACE}"'<>]+))*[${SPACE}]*/?>|<(br)[${SPACE}]*/?(?=\\n?$)`, "giu");
  const WITHIN_WORDS = new Set("b i em strong u s small big sub sup mark font span wbr tt".split(" "));

  /** Return a text without markup, entities, invisible characters and repeated white space. */
  function clean(text) {
    text = withoutMarkup(resolve(text));
    text = joinBySpaces(text.replace(INVISIBLE, "")).replace(CONTROL, " ");
    text = text.replace(MISREAD, readAgain);
    return joinBySpaces(text.replace(JOINERS, keepWithinWord));
  }

  function resolve(text) {
    text = text.replace(/\p{Surrogate}/gu, "\ufffd");
    return text.includes("&") ? resolveEntities(text) : text;
  }
  const withoutMarkup = text => text.includes("<") ? text.replace(HIDDEN, " ").replace(TAG, afterTag) : text;

  /** Return whether cleaning leaves out markup of a text. */
  function hasMarkup(text) {
    const resolved = resolve(text);
    return withoutMarkup(resolved) !== resolved;
  }

  const joinBySpaces = text => text.split(SPACES).filter(Boolean).join(" ");
  const afterTag = (_, name) => WITHIN_WORDS.has((name ?? "").toLowerCase()) ? "" : " ";
  const readAgain = one => CP1252[one.charCodeAt(0) - 0x80].replace("\0", " ");
  const keepWithinWord = (joiners, at, whole) => {
    const before = /[\p{L}\p{M}]$/u.test(whole.slice(Math.max(at - 2, 0), at));
    const after = /^[\p{L}\p{M}]/u.test(whole.slice(at + joiners.length, at + joiners.length + 2));
    return before && after ? joiners : "";
  };

  function resolveEntities(text) {
    for (let layer = 0; layer < MOST_LAYERS; layer++) {
      const resolved = text.replace(ENTITY, resolveEntity);
      if (resolved === text) break;
      text = resolved;
    }
    return text;
  }

  function resolveEntity(entity) {
    if (entity[1] === "#") {
      const hexadecimal = /[xX]/u.test(entity[2]);
      return ofNumber(parseInt(entity.slice(hexadecimal ? 3 : 2), hexadecimal ? 16 : 10));
    }
    return named(entity.endsWith(";") ? entity : `${entity};`) ?? entity;
  }

  /** Return the character of a number as Python's html.unescape does. */
  function ofNumber(number) {
    if (number === 0 || (number >= 0xd800 && number <= 0xdfff) || number > 0x10ffff) return "\ufffd";
    if (number >= 0x80 && number <= 0x9f) {
      const known = CP1252[number - 0x80];
      return known === "\0" ? String.fromCharCode(number) : known;
    }
    const isOne = number === 0xd || number === 0x9 || number === 0xa || number === 0xc || number >= 0x20;
    const isNone = !isOne || number === 0x7f || (number >= 0xfdd0 && number <= 0xfdef) || (number & 0xfffe) === 0xfffe;
    return isNone ? "" : String.fromCodePoint(number);
  }

  // The browser knows the names of entities; nothing but a name reaches it, in an element without markup.
  const names = new Map();
  function named(entity) {
    if (!names.has(entity)) {
      const place = document.createElement("textarea");
      place.innerHTML = entity;
      const found = place.textContent;
      const isKnown = found !== entity && (!found.endsWith(";") || entity === "&semi;");
      names.set(entity, isKnown ? found : null);
    }
    return names.get(entity);
  }

  const MARKS = "\\p{M}\\u1161-\\u1175\\u11a8-\\u11c2";  // what may compose with what stands before it
  const COMPOSED = new RegExp(`[^${MARKS}][${MARKS}]*|[${MARKS}]+`, "gsu");

  /** Return the NFC of a text in lower case, and where in the text each of its code units begins. */
  function normalise(text) {
    let normal = "";
    const starts = [];
    for (const found of text.matchAll(COMPOSED)) {
      // Letter by letter: a word's last sigma is not another letter here.
      for (const one of found[0].normalize("NFC")) {
        const lower = one.toLowerCase();
        for (let unit = 0; unit < lower.length; unit++) starts.push(found.index);
        normal += lower;
      }
    }
    starts.push(text.length);
    return { normal, starts };
  }

  // Oniguruma's classes, of whose expressions a tokenizer's are.
  const ONIGURUMA = { "\\w": "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]", "\\s": "\\p{White_Space}" };

  /** Return an expression of Oniguruma as one of JavaScript. */
  function translate(pattern) {
    return new RegExp(pattern.replace(/\\[ws]/gu, one => ONIGURUMA[one]), "gv");
  }

  const CHARACTERS = "\\X";  // the pattern of a vocabulary of characters

  /** Return a function from a normalised text to its words: [start, end] of each. */
  function makeCutter(pattern) {
    if (pattern === CHARACTERS) return cutCharacters;
    const word = translate(pattern);
    return text => [...text.matchAll(word)].map(one => [one.index, one.index + one[0].length]);
  }

  let segmenter = null, conjunct = null;
  // Newer rules join the consonants of an Indian conjunct, which Oniguruma's \X keeps apart.
  const CONJUNCT = "(?<=[\\p{M}\\u200d])(?=[\\p{L}--[\\p{Extended_Pictographic}\\u0e33\\u0eb3\\uff9e\\uff9f]])";

  function cutCharacters(text) {
    segmenter ??= new Intl.Segmenter("en", { granularity: "grapheme" });
    conjunct ??= new RegExp(CONJUNCT, "v");
    const spans = [];
    for (const { segment, index } of segmenter.segment(text)) {
      let start = index;
      for (const part of segment.split(conjunct)) spans.push([start, start += part.length]);
    }
    return spans;
  }

  /** Return a tokenizer: `cut` as in `makeCutter`, `split` a word into [id, characters]. */
  function open(described) {
    const ids = new Map(described.vocabulary.map((token, id) => [token, id]));
    const whole = word => [[ids.get(word) ?? described.unknown, word.length]];
    const split = described.merges ? makePieces(described, ids) : whole;
    return { ...described, ids, cut: makeCutter(described.pattern), split, isOfCharacters: described.pattern === CHARACTERS };
  }

  /** Return a function that cuts a word into pieces: byte-pair encoding, the earliest merge first. */
  function makePieces({ merges, vocabulary, unknown, continued }, ids) {
    const ranks = new Map();
    for (let rank = 0; 2 * rank < merges.length; rank++) {
      const [left, right] = merges.slice(2 * rank, 2 * rank + 2);
      const merged = ids.get(vocabulary[left] + vocabulary[right].slice(continued.length));
      ranks.set(`${left} ${right}`, [rank, merged]);
    }
    const known = new Map();
    return word => {
      if (!known.has(word)) known.set(word, merge([...word]));
      return known.get(word);
    };

    function merge(characters) {
      const pieces = characters.map((one, place) =>
        [ids.get(place ? continued + one : one) ?? unknown, one.length]);
      for (;;) {
        let best = null, at = -1;
        for (let place = 0; place + 1 < pieces.length; place++) {
          const found = ranks.get(`${pieces[place][0]} ${pieces[place + 1][0]}`);
          if (found && (best === null || found[0] < best[0])) [best, at] = [found, place];
        }
        if (best === null) return pieces;
        pieces.splice(at, 2, [best[1], pieces[at][1] + pieces[at + 1][1]]);
      }
    }
  }

  /**
   * Return the tokens that are read of a text: {id, text, start, end, known}, places in `tokens.text`,
   * the cleaned text. tokens.cut: {after, count} of what is left out of a longer one, or null.
   */
  function tokenize(tokenizer, raw) {
    const text = clean(raw);
    const { normal, starts } = normalise(text);
    const all = [];
    for (const [from, to] of tokenizer.cut(normal)) {
      let at = from;
      for (const [id, length] of tokenizer.split(normal.slice(from, to))) {
        const start = starts[at];
        at += length;
        const end = Math.max(starts[at], Math.min(start + 1, text.length));
        all.push({ id, text: text.slice(start, end), start, end, known: id !== tokenizer.unknown });
      }
    }
    const [first, last] = tokenizer.kept_ends ?? [all.length, 0];
    const isLonger = all.length > first + last;
    const tokens = isLonger ? [...all.slice(0, first), ...all.slice(all.length - last)] : all;
    const cut = isLonger ? { after: first, count: all.length - first - last } : null;
    return Object.assign(tokens, { text, cut });
  }

  /** Return the ids that a network reads of tokens; a text without any is one unknown token. */
  const idsOf = (tokenizer, tokens) => tokens.length ? tokens.map(one => one.id) : [tokenizer.unknown];

  return { clean, hasMarkup, normalise, translate, open, tokenize, idsOf };
})();
