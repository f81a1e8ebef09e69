"use strict";
// Which seed of each architecture is played, and how well that one did on the test texts.

// Nothing of a network without further seeds; `choose` is given its name and a seed.
function seedsOf(network, choose) {
  if (!network.alternatives.length) return [];
  const menu = make("select", {
    "aria-label": `Seed of ${network.label}`, onchange: () => choose(network.name, menu.value),
  });
  fill(menu, [network, ...network.alternatives].map(({ seed }) => [seed, `seed ${seed}`]));
  return [menu];
}

// `seeds`: the chosen ones by the name of the architecture.
const chosenOf = (networks, seeds) => networks.map((network) => (
  network.alternatives.find(({ seed }) => String(seed) === seeds[network.name]) ?? network));

// `cards`: {score, seeds} of each network.
function tellSeeds(cards, networks, format) {
  for (const [at, { seed, score }] of networks.entries()) {
    const { seeds: [menu], score: told } = cards[at];
    if (menu) menu.value = seed;
    told.textContent = score === null ? "" : format(score);
  }
}
