// What all pages with outlined radiographs share: a wheel, two fingers or + and - enlarge, a drag moves.
const LARGEST = 16;

function zoomable(svg) {
  const { x, y, width, height } = svg.viewBox.baseVal;
  const whole = { x, y, width, height };
  const fingers = new Map();
  let view = { ...whole }, dragged = false;

  const show = () => {
    view.x = Math.min(Math.max(view.x, whole.x), whole.x + whole.width - view.width);
    view.y = Math.min(Math.max(view.y, whole.y), whole.y + whole.height - view.height);
    svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
    svg.style.setProperty("--zoom", whole.width / view.width);
    svg.dispatchEvent(new Event("view"));
  };
  const place = (x, y) => new DOMPoint(x, y).matrixTransform(svg.getScreenCTM().inverse());
  const zoom = (factor, at = { x: view.x + view.width / 2, y: view.y + view.height / 2 }) => {
    const least = whole.width / LARGEST;
    factor = view.width / Math.min(Math.max(view.width / factor, least), whole.width);
    view = {
      x: at.x - (at.x - view.x) / factor, y: at.y - (at.y - view.y) / factor,
      width: view.width / factor, height: view.height / factor,
    };
    show();
  };
  const middle = () => {
    const all = [...fingers.values()];
    const mean = (axis) => all.reduce((sum, each) => sum + each[axis], 0) / all.length;
    const apart = all.length < 2 ? 0 : Math.hypot(all[0].x - all[1].x, all[0].y - all[1].y);
    return { x: mean("x"), y: mean("y"), apart };
  };

  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(1.0015 ** -event.deltaY, place(event.clientX, event.clientY));
  }, { passive: false });
  svg.addEventListener("pointerdown", (event) => {
    if (!fingers.size) dragged = false;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  svg.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    const before = middle();
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const after = middle();
    if (!dragged && Math.hypot(after.x - before.x, after.y - before.y) < 2 && before.apart === after.apart) return;
    if (!dragged) svg.setPointerCapture(event.pointerId);
    dragged = true;
    const from = place(before.x, before.y), to = place(after.x, after.y);
    view.x -= to.x - from.x;
    view.y -= to.y - from.y;
    show();
    if (before.apart) zoom(after.apart / before.apart, place(after.x, after.y));
  });
  for (const kind of ["pointerup", "pointercancel", "pointerleave"]) {
    svg.addEventListener(kind, (event) => fingers.delete(event.pointerId));
  }
  // A click that ends a drag is none.
  svg.addEventListener("click", (event) => { if (dragged) event.stopPropagation(); dragged = false; }, true);
  return { zoom, reset: () => { view = { ...whole }; show(); } };
}
