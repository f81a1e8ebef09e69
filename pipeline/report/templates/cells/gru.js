// As `pipeline/cells/gru.py`: update gate, reset gate, candidate; the reset gate weighs the projected state.
CELLS.gru = (x, m, { gates, gate, states: [h], before, after, units }) => {
  for (let u = 0, r = units, g = 2 * units; u < units; u++, r++, g++) {
    const update = gates[gate + u] = sigmoid(x[u] + m[u]);
    const reset = gates[gate + r] = sigmoid(x[r] + m[r]);
    const candidate = gates[gate + g] = tanh(x[g] + reset * m[g]);
    h[after + u] = candidate + update * (h[before + u] - candidate);
  }
};
