"use strict";
// Run trained networks: what they answer to a text and, of language models, how they write on.
// `words.js`, `spelling.js` and `layers.js` stand before this file in a page, and the steps of the cells.

const Networks = (() => {
  const PADDING = 0;
  const LIKELIEST = 5;  // tokens that are told beside the written one

  /**
   * Return what a bundle holds: {task, tokenizer, networks, texts, neutral, …}, ready to be used.
   *
   * Throws an Error in words where the browser lacks what it takes, or the bundle is damaged.
   */
  async function open(bundle) {
    const tokenizers = bundle.tokenizers.map(openTokenizer);
    const networks = await Promise.all(bundle.networks.map(async described => {
      const seeds = await Promise.all([described, ...described.alternatives].map(openNetwork));
      const [network, ...alternatives] = seeds.map(one =>
        ({ ...described, ...one, tokenizer: tokenizers[described.tokenizer], alternatives: [] }));
      return Object.assign(network, { alternatives });
    }));
    return { ...bundle, tokenizers, tokenizer: tokenizers[0], networks };
  }

  function openTokenizer(described) {
    try {
      return Words.open(described);
    } catch (error) {
      throw new Error("This browser is too old to cut texts into words as the networks read them. " +
        "Open the page in a current Firefox, Chrome, Edge or Safari.", { cause: error });
    }
  }

  async function openNetwork(described) {
    const bytes = await inflate(described.data);
    const { data, ...network } = described;
    models.set(network, null);
    return { ...network, weights: () => readWeights(described.weights, bytes) };
  }

  /** Return the bytes of a text in base64, which zlib compressed. */
  async function inflate(text) {
    if (typeof DecompressionStream === "undefined") {
      throw new Error("This browser is too old to unpack the networks. Open the page in a current " +
        "Firefox, Chrome, Edge or Safari.");
    }
    const characters = atob(text), packed = new Uint8Array(characters.length);
    for (let place = 0; place < packed.length; place++) packed[place] = characters.charCodeAt(place);
    const { writable, readable } = new DecompressionStream("deflate"), writer = writable.getWriter();
    const written = [writer.write(packed), writer.close()];
    const [bytes] = await Promise.all([new Response(readable).arrayBuffer(), ...written]);
    return bytes;
  }

  const models = new WeakMap();
  function modelOf(network) {
    if (!models.get(network)) models.set(network, new Model(network));
    return models.get(network);
  }

  // --- Classifiers ----------------------------------------------------------------------------------

  /**
   * Return what a network answers: {logits: {head: <float>[outputs]}, probabilities: {head: <float>[labels]}}.
   *
   * trace: also `steps`, the answers after each token, as if the text ended there, or null for a
   * network that reads backward too (see `prefixes`), and `layers[i].directions[j]`: {name, units,
   * hidden, cell (of an LSTM), gates: {update, …}}, each <float32>[T * units] in the order of the text.
   */
  function read(network, ids, { trace = false } = {}) {
    const model = modelOf(network);
    model.read(ids);
    const [reading] = [...model.features(false)].map(features => answer(model, features));
    if (!trace) return reading;
    const isForward = model.top.length === 1;
    reading.steps = isForward ? [...model.features(true)].map(features => answer(model, features)) : null;
    reading.layers = model.layers.map(directions => ({ directions: directions.map(one => traceOf(one, model)) }));
    return reading;
  }

  function answer(model, features) {
    const logits = Object.create(null), probabilities = Object.create(null);  // names may be any text
    model.heads.forEach(({ kernel, bias, size }, number) => {
      const { name } = model.network.heads[number];
      logits[name] = project(kernel, features, 0, size, bias, new Float64Array(bias.length));
      probabilities[name] = sharesOf(logits[name]);
    });
    return { logits, probabilities };
  }

  function traceOf(direction, { network, length }) {
    const { units, width, states, isBackward } = direction;
    const row = (rows, from, stride, offset) => direction.inOrder(rows, units, length, from, stride, offset);
    const gates = {};
    if (network.gates.length > 1) {  // the only one of a SimpleRNN is its state
      network.gates.forEach((name, number) => {
        gates[name.replace(/ gate$/, "")] = row(direction.gates, 0, width, number * units);
      });
    }
    const name = isBackward ? "backward" : "forward";
    const traced = { name, units, hidden: row(states[0], 1, units, 0), gates };
    return states.length > 1 ? { ...traced, cell: row(states[1], 1, units, 0) } : traced;
  }

  /**
   * Return the answers after each token as if the text ended there. A network that reads backward too
   * reads each beginning anew, which takes as many times as long as the text has tokens.
   *
   * at: the lengths of beginnings to read; by default all.
   */
  function prefixes(network, ids, at = ids.map((_, place) => place + 1)) {
    if (modelOf(network).top.length === 1) {
      const { steps } = read(network, ids, { trace: true });
      return at.map(length => steps[length - 1]);
    }
    return at.map(length => read(network, ids.slice(0, length)));
  }

  /**
   * Return how sure an answer is: of two labels the logit of the second, which is negative for the first;
   * of more the logit of `label` (by default the answer) less the highest of the others.
   */
  function margin(network, reading, head, label = null) {
    const logits = reading.logits[head];
    if (logits.length === 1) return label === 0 ? -logits[0] : logits[0];
    const own = label ?? logits.indexOf(Math.max(...logits));
    return logits[own] - Math.max(...logits.filter((_, place) => place !== own));
  }

  /** Return the probabilities of the labels for logits, of which a head of two labels has one, the second's. */
  const sharesOf = logits => softmax(logits.length === 1 ? [0, logits[0]] : logits);

  function softmax(logits) {
    const highest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
    const odds = Float64Array.from(logits).map(one => Math.exp(one - highest));
    const sum = odds.reduce((a, b) => a + b, 0);
    return odds.map(one => one / sum);
  }

  // --- Language models ------------------------------------------------------------------------------

  /** Return the tokens {id, text, probability, ends} that are likeliest after the ids of a beginning. */
  function next(network, ids) {
    const logits = logitsAfter(network, ids);
    return likeliestOf(softmax(logits), spellerAfter(network, ids));
  }

  /**
   * Return tokens that a network writes after ids: {id, text, probability, ends, likeliest}, the text with
   * the space before it. The probability is the network's own, without temperature, topK and topP.
   * It stops with the token that ends a text. See `pipeline.models.sampling`.
   */
  function write(network, ids, { temperature = 1, topK = null, topP = 1, seed = 0, length = 60 } = {}) {
    const random = makeRandom(seed), speller = spellerAfter(network, ids);
    const read = [...ids], written = [];
    while (written.length < length) {
      const logits = logitsAfter(network, read);
      const id = draw(logits, { temperature, topK, topP }, random);
      const probabilities = softmax(logits);
      const likeliest = likeliestOf(probabilities, speller);
      const ends = id === network.tokenizer.end;
      written.push({ id, text: speller.add(id), probability: probabilities[id], ends, likeliest });
      if (ends) break;
      read.push(id);
    }
    return written;
  }

  /** Return the logits <float>[V] of the token after a beginning; what is never written has none. */
  function logitsAfter(network, ids) {
    const model = modelOf(network);
    const { end, unknown } = network.tokenizer;
    model.read([end, ...ids]);
    const [features] = model.features(false);
    const logits = model.predict(features);
    logits[PADDING] = logits[unknown] = -Infinity;
    return logits;
  }

  function spellerAfter({ tokenizer }, ids) {
    const speller = new Spelling.Speller(tokenizer);
    ids.forEach(id => speller.add(id));
    return speller;
  }

  function likeliestOf(probabilities, speller) {
    return largest(probabilities, LIKELIEST).filter(id => probabilities[id] > 0).map(id => ({
      id, text: speller.copy().add(id), probability: probabilities[id], ends: id === speller.tokenizer.end,
    }));
  }

  /** Return the places of the largest values, these first; of equal ones the first. */
  function largest(values, count) {
    const places = [];
    for (let place = 0; place < values.length; place++) {
      if (places.length === count && !(values[place] > values[places[count - 1]])) continue;
      let at = places.length;
      while (at > 0 && values[place] > values[places[at - 1]]) at--;
      places.splice(at, 0, place);
      if (places.length > count) places.pop();
    }
    return places;
  }

  /** Return a token drawn with temperature, of `topK` tokens, and of the fewest with the share `topP`. */
  function draw(logits, { temperature, topK, topP }, random) {
    const [highest] = largest(logits, 1);
    if (!temperature) return highest;
    const weights = logits.map(one => Math.exp((one - logits[highest]) / temperature));
    const kept = keptOf(weights, topK, topP);
    let left = random() * kept.reduce((total, id) => total + weights[id], 0);
    return kept.find(id => (left -= weights[id]) < 0) ?? highest;
  }

  /** Return which tokens may be drawn, by their weights. */
  function keptOf(weights, topK, topP) {
    const kept = Uint32Array.from(topK === null ? weights.keys() : largest(weights, topK));
    if (topP >= 1) return kept;
    kept.sort((a, b) => weights[b] - weights[a] || a - b);
    const needed = topP * kept.reduce((total, id) => total + weights[id], 0);
    let sum = 0;
    return kept.filter(id => {
      const isNeeded = sum < needed;
      sum += weights[id];
      return isNeeded;
    });
  }

  /** Return a generator of numbers from 0 to 1 (mulberry32), the same for the same seed. */
  function makeRandom(seed) {
    let state = seed >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  return {
    open, tokenize: Words.tokenize, clean: Words.clean, hasMarkup: Words.hasMarkup, ids: Words.idsOf, spell: Spelling.spell,
    read, prefixes, sharesOf, margin, next, write,
  };
})();
