"use strict";
// Opens the networks of the page, or says why that is not possible.
(async () => {
  const fault = find("#fault");
  const tell = (text) => {
    fault.textContent = text;
    fault.hidden = false;
  };
  for (const kind of ["error", "unhandledrejection"]) {
    window.addEventListener(kind, ({ message, reason }) => (
      tell(`Something went wrong in this page, and what it shows may be old: ${message ?? reason?.message}`)));
  }
  try {
    const play = await Networks.open(JSON.parse(find("#bundle").textContent));
    find(`#${play.task}`).hidden = false;
    ({ classify, language })[play.task].begin(play);
    fault.hidden = true;
    document.documentElement.dataset.ready = "true";
  } catch (error) {
    tell(`This page cannot run its networks. ${error.message}`);
    throw error;
  }
})();
