"use strict";
// Opens the networks of the page, or says why that is not possible.
(async () => {
  const fault = find("#fault");
  try {
    const play = await Networks.open(JSON.parse(find("#bundle").textContent));
    find(`#${play.task}`).hidden = false;
    ({ classify, language })[play.task].begin(play);
    fault.hidden = true;
    document.documentElement.dataset.ready = "true";
  } catch (error) {
    fault.textContent = `This page cannot run its networks. ${error.message}`;
    fault.hidden = false;
    throw error;
  }
})();
