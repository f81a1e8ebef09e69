// The words of the glossary.
(() => {
  const termOf = (event) => event.target.closest?.("a.term");
  const define = (term) => {
    const meaning = document.getElementById(term.getAttribute("aria-describedby"));
    tip.show(meaning.textContent, () => {
      const { left, top, bottom } = term.getClientRects()[0];
      return { left, right: left, top, bottom };
    });
  };
  document.addEventListener("pointerover", (event) => {
    const term = termOf(event);
    if (term && event.pointerType === "mouse") define(term);
  });
  document.addEventListener("pointerout", (event) => {
    if (termOf(event) && !tip.box.contains(event.relatedTarget)) tip.hide();
  });
  document.addEventListener("focusin", (event) => {
    const term = termOf(event);
    if (term?.matches(":focus-visible")) define(term);
  });
  document.addEventListener("focusout", (event) => { if (termOf(event)) tip.hide(); });
})();

// The contents: open where they stand beside the text, with the part marked that is read.
(() => {
  const bar = document.querySelector(".bar");
  const nav = document.querySelector(".contents");
  const folded = nav.querySelector("details");
  const partOf = (link) => document.getElementById(link.hash.slice(1)).closest("section, figure");
  const links = new Map([...nav.querySelectorAll("a")].map((link) => [partOf(link), link]));
  const wide = window.matchMedia("(min-width: 80rem)");
  const seen = new Set();

  const mark = () => {
    const shown = [...links.keys()].filter((part) => seen.has(part));
    const section = shown.find((part) => !links.get(part).closest("li li"));
    if (!section) return;
    const figure = shown.find((part) => part !== section && section.contains(part));
    for (const [part, link] of links) {
      if (part === section || part === figure) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    if (wide.matches) nav.scrollTo({ top: links.get(figure || section).offsetTop - nav.clientHeight / 2 });
  };

  let observer;
  // What is read begins below the bar, whose height depends on the names in it.
  const observe = () => {
    const height = bar.offsetHeight;
    document.documentElement.style.setProperty("--bar", `${height}px`);
    observer?.disconnect();
    seen.clear();
    observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) seen[isIntersecting ? "add" : "delete"](target);
      mark();
    }, { rootMargin: `-${height + 8}px 0px 0px 0px` });
    for (const part of links.keys()) observer.observe(part);
  };
  new ResizeObserver(observe).observe(bar);

  const unfold = () => { folded.open = wide.matches; };
  const close = () => { if (!wide.matches) folded.open = false; };
  wide.addEventListener("change", unfold);
  unfold();
  nav.addEventListener("click", (event) => { if (event.target.closest("a")) close(); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  document.addEventListener("click", (event) => { if (!nav.contains(event.target)) close(); });

  // A link may lead to something folded.
  const reveal = () => {
    const part = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const closed = part?.closest("details:not([open])");
    for (let one = closed; one; one = one.parentElement.closest("details:not([open])")) one.open = true;
    if (closed) part.scrollIntoView();
  };
  window.addEventListener("hashchange", reveal);
  reveal();
})();

// A wide table has a shade on each side where more of it is hidden.
(() => {
  const shade = (one) => {
    const hidden = one.scrollWidth - one.clientWidth;
    one.classList.toggle("more-left", one.scrollLeft > 1);
    one.classList.toggle("more-right", one.scrollLeft < hidden - 1);
  };
  const sizes = new ResizeObserver((entries) => { for (const { target } of entries) shade(target); });
  for (const one of document.querySelectorAll(".scroll, .legend div")) {
    sizes.observe(one);
    one.addEventListener("scroll", () => shade(one), { passive: true });
  }
})();

// Paper shows what is folded.
(() => {
  let unfolded = [];
  window.addEventListener("beforeprint", () => {
    unfolded = [...document.querySelectorAll("details:not([open])")];
    for (const one of unfolded) {
      one.dataset.printed = "true";
      one.open = true;
    }
  });
  window.addEventListener("afterprint", () => {
    for (const one of unfolded) {
      one.open = false;
      delete one.dataset.printed;
    }
  });
})();
