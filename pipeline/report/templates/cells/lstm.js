// As `pipeline/cells/lstm.py`: input gate, forget gate, candidate, output gate.
CELLS.lstm = (x, m, { gates, gate, states: [h, c], before, after, units }) => {
  for (let u = 0, f = units, g = 2 * units, o = 3 * units; u < units; u++, f++, g++, o++) {
    const inward = gates[gate + u] = sigmoid(x[u] + m[u]);
    const forget = gates[gate + f] = sigmoid(x[f] + m[f]);
    const candidate = gates[gate + g] = tanh(x[g] + m[g]);
    const outward = gates[gate + o] = sigmoid(x[o] + m[o]);
    const cell = c[after + u] = forget * c[before + u] + inward * candidate;
    h[after + u] = outward * tanh(cell);
  }
};
