"use strict";
// The layers of trained networks, from token ids to what the heads read. What Keras computes in float32 is
// computed here in float64, from the same weights.
//
// `cells/` has a file for each cell, whose step adds itself to CELLS: (x, m, at) => undefined. x and m are
// the projected input and state, <float>[G * U]; the step reads the states at `before`, and writes them at
// `after`, and the gates.

const CELLS = {};
const sigmoid = x => 1 / (1 + Math.exp(-x));
const tanh = x => 1 - 2 / (Math.exp(2 * x) + 1);
const REMEMBERED = 1000;  // projected tokens, of each direction

/** Return weights as they were described, each matrix {rows, columns, bits, at} as a Matrix. */
function readWeights(described, bytes) {
  if (Array.isArray(described)) return described.map(one => readWeights(one, bytes));
  if (described === null || typeof described !== "object") return described;
  if ("bits" in described) return new Matrix(described, bytes);
  return Object.fromEntries(Object.entries(described).map(([name, one]) => [name, readWeights(one, bytes)]));
}

/** A matrix of numbers as they are or, with 8 bits, of rows of whole numbers times a scale of each row. */
class Matrix {
  constructor({ rows, columns, bits, at }, bytes) {
    Object.assign(this, { rows, columns });
    const take = (Kind, count) => {
      const part = new Kind(bytes.slice(at, at + count * Kind.BYTES_PER_ELEMENT));
      at += part.byteLength;
      return part;
    };
    if (bits === 8) {
      const [scale] = take(Float32Array, 1);
      this.scales = Float64Array.from(take(Uint8Array, rows), share => share * scale);
      this.codes = take(Int8Array, rows * columns);
    } else {
      this.codes = take(Float32Array, rows * columns);
    }
  }

  row(number) {
    const { codes, columns } = this, scale = this.scales ? this.scales[number] : 1;
    const found = new Float64Array(columns), start = number * columns;
    for (let column = 0; column < columns; column++) found[column] = codes[start + column] * scale;
    return found;
  }

  /** Return the product of every row with a vector, <float>[rows]. */
  times(vector) {
    const { codes, columns, rows, scales } = this;
    const none = new Float64Array(rows);
    const products = project(codes, vector, 0, columns, none, none);
    return scales ? products.map((sum, row) => sum * scales[row]) : products;
  }

  transposed() {
    const { rows, columns } = this, turned = new Float64Array(rows * columns);
    for (let row = 0; row < rows; row++) {
      this.row(row).forEach((value, column) => { turned[column * rows + row] = value; });
    }
    return turned;
  }
}

/** Write `start` + the products of each row of a flat matrix with a part of a vector. */
function project(matrix, vector, offset, size, start, into) {
  const outputs = into.length;
  let row = 0;
  for (; row + 3 < outputs; row += 4) {
    let a = row * size, b = a + size, c = b + size, d = c + size;
    let p = start[row], q = start[row + 1], r = start[row + 2], s = start[row + 3];
    for (let place = offset, end = offset + size; place < end; place++) {
      const value = vector[place];
      p += matrix[a++] * value;
      q += matrix[b++] * value;
      r += matrix[c++] * value;
      s += matrix[d++] * value;
    }
    into[row] = p; into[row + 1] = q; into[row + 2] = r; into[row + 3] = s;
  }
  for (; row < outputs; row++) {
    let sum = start[row];
    for (let place = 0; place < size; place++) sum += matrix[row * size + place] * vector[offset + place];
    into[row] = sum;
  }
  return into;
}

/**
 * One direction of a recurrent layer, which remembers what it read: of the next text it computes only
 * the steps after the first that differs. Step k reads position k, or backward the k-th from the end.
 */
class Direction {
  constructor({ kernel, recurrent, bias }, network, isBackward) {
    const { cell, units, gates } = network;
    Object.assign(this, { units, isBackward, width: gates.length * units, features: kernel.rows });
    this.step = CELLS[cell];
    this.kernel = kernel.transposed();
    this.recurrent = recurrent.transposed();
    this.bias = bias.row(0);
    this.recurrentBias = bias.rows > 1 ? bias.row(1) : new Float64Array(this.width);
    this.inputs = new Map();
    this.room = 0;
    this.count = network.states;
    this.make(64);
  }

  /** Make room for so many steps. Row k of a state is that before step k; the first is of zeros. */
  make(steps) {
    const { units, width } = this;
    const grow = (size, old) => {
      const array = new Float64Array(size);
      if (old) array.set(old);
      return array;
    };
    this.states = Array.from({ length: this.count }, (_, n) => grow((steps + 1) * units, this.states?.[n]));
    this.gates = grow(steps * width, this.gates);
    this.room = steps;
  }

  get hidden() { return this.states[0]; }

  /** Read `length` positions, of which the first `known` steps were read before. input: (position) => x. */
  read(length, known, input) {
    if (length > this.room) this.make(Math.max(length, 2 * this.room));
    const { units, width, recurrent, recurrentBias, states, gates, step } = this;
    const m = new Float64Array(width);
    const at = { gates, states, units, gate: 0, before: 0, after: 0 };
    for (let k = known; k < length; k++) {
      at.gate = k * width;
      at.before = k * units;
      at.after = at.before + units;
      project(recurrent, states[0], at.before, units, recurrentBias, m);
      step(input(this.position(k, length)), m, at);
    }
  }

  position(step, length) { return this.isBackward ? length - 1 - step : step; }

  /** Return the projected embedding of a token. */
  ofToken(id, embedding) {
    let found = this.inputs.get(id);
    if (!found) {
      if (this.inputs.size >= REMEMBERED) this.inputs.clear();
      found = new Float64Array(this.width);
      project(this.kernel, embedding.row(id), 0, this.features, this.bias, found);
      this.inputs.set(id, found);
    }
    return found;
  }

  /** Return rows <float>[T, size] in the order of the text, from rows in the order of reading. */
  inOrder(rows, size, length, from, stride, offset) {
    const ordered = new Float32Array(length * size);
    for (let k = 0; k < length; k++) {
      const start = (k + from) * stride + offset;
      ordered.set(rows.subarray(start, start + size), this.position(k, length) * size);
    }
    return ordered;
  }
}

/** The layers of a network, with what they last read. */
class Model {
  constructor(network) {
    this.network = network;
    const weights = network.weights();
    this.embedding = weights.embedding;
    this.layers = weights.layers.map(directions =>
      directions.map((one, number) => new Direction(one, network, number === 1)));
    this.heads = (weights.heads ?? []).map(({ kernel, bias }) =>
      ({ kernel: kernel.transposed(), bias: bias.row(0), size: kernel.rows }));
    this.projection = weights.projection &&
      { kernel: weights.projection.kernel.transposed(), bias: weights.projection.bias.row(0) };
    this.output = weights.output ?? weights.embedding;
    this.ids = [];
  }

  /** Read ids; the last layer then holds the states. */
  read(ids) {
    const length = ids.length;
    let start = 0, end = 0;  // how much is as it was, from the start and from the end
    const most = Math.min(length, this.ids.length);
    while (start < most && ids[start] === this.ids[start]) start++;
    while (end < most && ids[length - 1 - end] === this.ids[this.ids.length - 1 - end]) end++;
    const isSame = start === length && length === this.ids.length;
    this.layers.forEach((directions, number) => {
      const below = number ? this.layers[number - 1] : null;
      for (const direction of directions) {
        const known = direction.isBackward ? end : start;
        direction.read(length, known, below ? this.fromBelow(below, direction, length)
          : position => direction.ofToken(ids[position], this.embedding));
      }
      // With both directions every output has seen all tokens.
      if (directions.length > 1 && !isSame) [start, end] = [0, 0];
      else if (!isSame) end = 0;
    });
    this.ids = Array.from(ids);
    this.length = length;
  }

  fromBelow(below, direction, length) {
    const features = new Float64Array(direction.features);
    const x = new Float64Array(direction.width);
    return position => {
      this.outputsAt(position, below, length, features);
      return project(direction.kernel, features, 0, direction.features, direction.bias, x);
    };
  }

  /** Write the outputs of a layer at a position, of all directions after each other. */
  outputsAt(position, layer, length, into) {
    layer.forEach(({ hidden, units, isBackward }, number) => {
      const row = (isBackward ? length - 1 - position : position) + 1;
      for (let u = 0; u < units; u++) into[number * units + u] = hidden[row * units + u];
    });
  }

  /** Return the logits of all tokens <float>[V] for features, by a language model. */
  predict(features) {
    const { projection, output } = this;
    if (projection) {
      const { kernel, bias } = projection;
      features = project(kernel, features, 0, features.length, bias, new Float64Array(bias.length));
    }
    return output.times(features);
  }

  get top() { return this.layers[this.layers.length - 1]; }

  /** Yield what the heads read, after each position or only at the end. */
  * features(isEach) {
    const { top, length, network: { readout } } = this;
    const parts = readout === "concat" ? ["last", "max", "mean"] : [readout];
    const size = top.length * top[0].units, isPooled = readout !== "last";
    const at = new Float64Array(size), sum = new Float64Array(size);
    const highest = new Float64Array(size).fill(-Infinity);
    for (let position = isEach || isPooled ? 0 : length - 1; position < length; position++) {
      this.outputsAt(position, top, length, at);
      for (let f = 0; isPooled && f < size; f++) {
        sum[f] += at[f];
        if (at[f] > highest[f]) highest[f] = at[f];
      }
      if (!isEach && position < length - 1) continue;
      const mean = () => sum.map(one => one / (position + 1));
      const pools = { last: () => this.last(at), max: () => highest, mean };
      const features = new Float64Array(parts.length * size);
      parts.forEach((name, part) => features.set(pools[name](), part * size));
      yield features;
    }
  }

  /** Return the outputs after the last step of each direction: backward it is at the first position. */
  last(outputs) {
    const [forward, backward] = this.top;
    if (!backward) return outputs;
    const { units, hidden } = backward, { length } = this;
    const last = hidden.subarray(length * units, (length + 1) * units);
    return Float64Array.from([...outputs.subarray(0, forward.units), ...last]);
  }
}
