"use strict";
// What says more about the thing that is pointed at or focused: one box, wholly within the window.
const tip = (() => {
  const box = document.createElement("div");
  box.id = "tip";
  box.setAttribute("role", "tooltip");
  box.hidden = true;
  document.body.append(box);
  const room = 8;

  let where;

  // Right of what it is about, else left of it, else as far right as it fits; below it, else above.
  const place = () => {
    const about = where();
    const { width, height } = box.getBoundingClientRect();
    const { clientWidth, clientHeight } = document.documentElement;
    const [right, left] = [about.right, about.left - width];
    const fits = right + width <= clientWidth - room;
    const x = fits ? right : left >= room ? left : clientWidth - room - width;
    const y = about.bottom + height <= clientHeight - room ? about.bottom : about.top - height;
    box.style.left = `${Math.max(room, x)}px`;
    box.style.top = `${Math.max(room, y)}px`;
  };
  const show = (content, about) => {
    box.replaceChildren(content);
    box.hidden = false;
    where = about;
    place();
  };
  const hide = () => { box.hidden = true; };

  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  // What is focused may scroll into view only then.
  document.addEventListener("scroll", () => { if (!box.hidden) place(); }, { passive: true, capture: true });
  box.addEventListener("pointerleave", hide);
  return { box, show, hide };
})();
