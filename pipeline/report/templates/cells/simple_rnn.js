// As `pipeline/cells/simple_rnn.py`.
CELLS.simple_rnn = (x, m, { gates, gate, states: [h], before, after, units }) => {
  for (let u = 0; u < units; u++) {
    h[after + u] = gates[gate + u] = tanh(x[u] + m[u]);
  }
};
