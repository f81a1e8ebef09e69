"use strict";
// Which seed of each architecture is played, and how well that one did on the test texts.

// Nothing of a network without further seeds; `choose` is given its name and a seed.
function seedsOf(network, choose) {
  if (!network.alternatives.length) return [];
  const menu = make("select", {
    "aria-label": `Seed of ${network.label}`, onchange: () => choose(network.name, menu.value),
  });
  const rising = [network, ...network.alternatives].sort((one, other) => one.seed - other.seed);
  fill(menu, rising.map((one) => [one.seed, nameOfSeed(one)]), network.seed);
  return [menu];
}
const nameOfSeed = ({ seed, is_median: isMedian }) => `seed ${seed}${isMedian ? " (median)" : ""}`;

// `seeds`: the chosen ones by the name of the architecture.
const chosenOf = (networks, seeds) => networks.map((network) => alternativeOf(network, seeds) ?? network);
const alternativeOf = ({ name, alternatives }, seeds) => (
  alternatives.find(({ seed }) => String(seed) === seeds[name]));

// Those of `seeds` that the page has and does not play anyway.
const knownSeeds = (networks, seeds) => Object.fromEntries(
  networks.filter((network) => alternativeOf(network, seeds)).map(({ name }) => [name, seeds[name]]),
);

// `cards`: {score, seeds} of each network. The end of the page names the same runs.
function tellSeeds(cards, networks, format) {
  const runs = document.querySelectorAll(".runs .run");
  for (const [at, network] of networks.entries()) {
    const { seeds: [menu], score: told } = cards[at];
    if (menu) menu.value = network.seed;
    told.textContent = network.score === null ? "" : format(network.score);
    runs[at].replaceChildren(
      `${nameOfSeed(network)}, run `, make("span", { class: "id" }, network.run_id),
    );
  }
}
