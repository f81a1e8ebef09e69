"use strict";
// The address holds what is set, behind the "#": no browser sends that anywhere.
//
// `kinds` says of each setting how it is written: {name: [to text, from text]}. What is as usual is left away,
// and so is what cannot be read.
const link = (() => {
  const SETTLED = 200; // milliseconds without a change until it is written: browsers refuse too many changes
  const COPIED = 2000; // milliseconds
  const LONGEST = 20_000; // characters of a text, as in the text areas of the page
  const asIs = (text) => text;
  const within = (pattern, low, high) => [String, (given) => (
    pattern.test(given) ? Math.min(high, Math.max(low, Number(given))) : undefined)];
  const whole = (low, high) => within(/^\d{1,9}$/, low, high);
  const number = (low, high) => within(/^\d{1,9}(\.\d{1,9})?$/, low, high);
  const oneOf = (...names) => [asIs, (text) => (names.includes(text) ? text : undefined)];
  const text = [asIs, (given) => given.slice(0, LONGEST)];
  const places = [
    (set) => [...set].sort((one, other) => one - other).join("."),
    (given) => new Set(given.split(".").filter((one) => /^\d+$/.test(one)).map(Number)),
  ];
  const pairs = [
    (given) => Object.entries(given).map((pair) => pair.map(encodeURIComponent).join("=")).join(";"),
    (given) => Object.fromEntries(new URLSearchParams(given.replaceAll(";", "&"))),
  ];

  function read(kinds) {
    const given = new URLSearchParams(location.hash.slice(1));
    const found = {};
    for (const [name, [, parse]] of Object.entries(kinds)) {
      const value = given.has(name) ? parse(given.get(name)) : undefined;
      if (value !== undefined) found[name] = value;
    }
    return found;
  }

  function write(kinds, state, usual) {
    const kept = new URLSearchParams();
    for (const [name, [format]] of Object.entries(kinds)) {
      const [value, usually] = [state[name], usual[name]].map((one) => (one == null ? "" : format(one)));
      if (value !== usually) kept.set(name, value);
    }
    const hash = `#${kept}`;
    if (hash === (location.hash || "#")) return;
    history.replaceState(null, "", hash === "#" ? location.pathname + location.search : hash);
  }

  // Says on the button how it went; without access to the clipboard the address is there to be copied.
  async function copy({ currentTarget: button }) {
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(location.href);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Copy it from the address bar";
    }
    setTimeout(() => { button.textContent = before; }, COPIED);
  }

  return { SETTLED, read, write, copy, kinds: { whole, number, oneOf, text, places, pairs } };
})();
