"use strict";
// What the networks are given to read, and what they say to it.
//
// A text becomes columns: its tokens without those that are left out, and the neutral words around them.
// A column is a token with its `kind` (before, text or after) and its `place`: that of its first character in
// the text, or of its word among the neutral ones. Both are the same for all tokenizers.
const reading = (() => {
  const FURTHEST = 400; // neutral words on one side
  const KEPT = 4; // readings of a network that are remembered
  const BEGINNINGS = 32; // that are read of a text by a network of both directions
  let neutral; // words by the side on which they stand
  let ends = [0]; // numbers of words that are whole sentences
  const remembered = new WeakMap();
  const fillers = new WeakMap();
  const lastTokens = new WeakMap();

  // Takes sentences in turn while they fit. Those nearest to the text are the same on both sides and at every
  // distance.
  function begin(sentences) {
    const split = sentences.map((one) => one.split(" "));
    const chosen = [];
    ends = [0];
    for (let at = 0, missed = 0; missed < split.length; at += 1) {
      const one = split[at % split.length];
      const end = ends[ends.length - 1] + one.length;
      missed = end > FURTHEST ? missed + 1 : 0;
      if (missed) continue;
      chosen.push(one);
      ends.push(end);
    }
    neutral = { before: [...chosen].reverse().flat(), after: chosen.flat() };
  }

  // The number of words nearest to a count that breaks no sentence off: a part of one may be evidence of
  // something. `from`: the number that it should differ from, where the count does.
  function wholeNear(count, from = null) {
    const apart = (end) => Math.abs(end - count);
    const best = ends.reduce((one, end) => (apart(end) < apart(one) ? end : one));
    if (best !== from || count === from) return best;
    return ends[Math.max(0, Math.min(ends.length - 1, ends.indexOf(best) + Math.sign(count - from)))];
  }

  // Neutral words and no text: as many as stand around it, or one sentence where none does.
  const fillOf = (tokenizer, { place, words }) => columnsOf(
    tokenizer, { text: "", ...(words ? { place, words } : { words: ends[1] ?? 0 }) },
  );

  // The tokens of each neutral word.
  function fillerOf(tokenizer) {
    if (!fillers.has(tokenizer)) {
      const tokensOn = (kind) => neutral[kind].map((word, place) => Networks.tokenize(tokenizer, word).map(
        (token) => ({ ...token, kind, place }),
      ));
      fillers.set(tokenizer, { before: tokensOn("before"), after: tokensOn("after") });
    }
    return fillers.get(tokenizer);
  }

  function tokensOf(tokenizer, text) {
    if (!text) return [];
    const last = lastTokens.get(tokenizer);
    if (last?.text === text) return last.tokens;
    const tokens = Networks.tokenize(tokenizer, text);
    lastTokens.set(tokenizer, { text, tokens });
    return tokens;
  }

  // `out`: the places of what is left out, {start, end} in the text.
  function columnsOf(tokenizer, { text, place = "after", words = 0, out = [] }) {
    const filler = fillerOf(tokenizer);
    const kept = tokensOf(tokenizer, text).filter(
      ({ start, end }) => !out.some((one) => start < one.end && one.start < end),
    ).map((token) => ({ ...token, kind: "text", place: token.start }));
    return [
      ...(place === "after" || !words ? [] : filler.before.slice(-words).flat()),
      ...kept,
      ...(place === "before" ? [] : filler.after.slice(0, words).flat()),
    ];
  }
  const idsOf = (columns) => columns.map(({ id }) => id);

  // What a network answers, with what went on in it on the way.
  function read(network, ids) {
    const key = ids.join();
    const known = remembered.get(network) ?? new Map();
    remembered.set(network, known);
    if (!known.has(key)) {
      if (known.size >= KEPT) known.delete(known.keys().next().value);
      known.set(key, Networks.read(network, ids, { trace: true }));
    }
    return known.get(key);
  }

  // Yields [column, logits]: the answers as if the text ended there; of some columns only where a network
  // reads from both ends, since each is a reading of its own then.
  function* course(network, ids) {
    const { steps, logits } = read(network, ids);
    if (steps) {
      for (const [at, step] of steps.entries()) yield [at, step.logits];
      return;
    }
    const stride = Math.max(1, Math.ceil(ids.length / BEGINNINGS));
    for (let length = stride; length < ids.length; length += stride) {
      yield [length - 1, Networks.prefixes(network, ids, [length])[0].logits];
    }
    yield [ids.length - 1, logits];
  }

  // The probabilities of the labels, and the likeliest.
  function answerOf(logits) {
    const shares = Networks.sharesOf(logits);
    return { shares, label: shares.indexOf(Math.max(...shares)) };
  }

  // Yields [number of a token, by how much the margin of the answer falls when it is left out as well].
  function* weightsOf(network, given, head) {
    const tokens = tokensOf(network.tokenizer, given.text);
    const logitsWithout = (...more) => {
      const columns = columnsOf(network.tokenizer, { ...given, out: [...given.out, ...more] });
      return columns.length ? Networks.read(network, idsOf(columns)) : null;
    };
    const whole = logitsWithout();
    const { label } = answerOf(whole.logits[head]);
    for (const [at, token] of tokens.entries()) {
      const without = given.out.some((one) => one.start === token.start) ? null : logitsWithout(token);
      const margin = (one) => Networks.margin(network, one, head, label);
      yield [at, without ? margin(whole) - margin(without) : 0];
    }
  }

  return { FURTHEST, begin, wholeNear, tokensOf, columnsOf, fillOf, idsOf, read, course, answerOf, weightsOf };
})();

// Long work in small pieces: what is started under a name ends what was started under it before.
const work = (() => {
  const SLICE = 12; // milliseconds that the page may stand still
  const started = new Map();
  let since = 0;

  const breathe = () => new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = resolve;
    port2.postMessage(null);
  });
  const isUnderWay = (name) => started.has(name);
  const sleep = (time) => new Promise((resolve) => { setTimeout(resolve, time); });

  // `job` is given `pause`, which it awaits between pieces, and stops where that says false.
  async function start(name, job, wait = 0) {
    const mine = Symbol(name);
    started.set(name, mine);
    tellBusy();
    const isCurrent = () => started.get(name) === mine;
    if (wait) await sleep(wait);
    if (!isCurrent()) return;
    since = performance.now();
    const pause = async () => {
      if (performance.now() - since > SLICE) {
        await breathe();
        since = performance.now();
      }
      return isCurrent();
    };
    try {
      await job(pause);
    } finally {
      if (isCurrent()) stop(name);
    }
  }

  function stop(name) {
    started.delete(name);
    tellBusy();
  }
  // Names what is under way, for those who wait for it.
  function tellBusy() {
    document.documentElement.dataset.busy = [...started.keys()].sort().join(" ");
  }
  return { start, stop, isUnderWay, sleep };
})();
