// Looking closer and reading values: by pointer, wheel and keys.

import { svg } from "/assets/runs/svg.js";

/** Pixels that a drag has at least; less is a click. */
const DRAG = 5;

/**
 * @param {SVGSVGElement} picture
 * @param {import("./view.js").View} view
 * @param {{ scale: () => any, edges: () => [number, number] }} geometry Of the horizontal axis as it is drawn now.
 */
export function listen(picture, view, geometry) {
  listenToPointer(picture, view, geometry);
  picture.addEventListener("dblclick", () => view.zoom(null));
  // A page that scrolls past a picture scrolls on: the wheel is for a picture that was chosen.
  picture.addEventListener("wheel", (event) => {
    if (document.activeElement !== picture && !event.ctrlKey) return;
    event.preventDefault();
    zoom(view, geometry, pixel(picture, event), event.deltaY < 0 ? 0.8 : 1.25);
  }, { passive: false });
  picture.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const act = keys(view, geometry)[event.shiftKey ? `Shift ${event.key}` : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  picture.addEventListener("blur", () => view.point(null));
}

function keys(view, geometry) {
  const [left, right] = geometry.edges();
  const scale = geometry.scale();
  const at = () => (view.cursor === null ? right : scale.at(view.cursor));
  const read = (place) => view.point(scale.value(Math.min(right, Math.max(left, place))));
  const move = (part) => shift(view, geometry, (right - left) * part);
  const closer = (factor) => zoom(view, geometry, view.cursor === null ? (left + right) / 2 : at(), factor);
  return {
    ArrowLeft: () => read(at() - (right - left) / 60),
    ArrowRight: () => read(at() + (right - left) / 60),
    Home: () => read(left),
    End: () => read(right),
    "Shift ArrowLeft": () => move(-0.1),
    "Shift ArrowRight": () => move(0.1),
    "+": () => closer(0.7),
    "=": () => closer(0.7),
    "Shift +": () => closer(0.7),
    "-": () => closer(1 / 0.7),
    r: () => view.zoom(null),
    0: () => view.zoom(null),
    Escape: () => view.point(null),
  };
}

/** Looks at a part that is `factor` times as long, with the same value at `place`. */
function zoom(view, { scale, edges }, place, factor) {
  const [left, right] = edges();
  const part = [place - (place - left) * factor, place + (right - place) * factor];
  view.zoom(part.map((pixel) => scale().value(pixel)));
}

/** Looks at the part that begins so many pixels later, as far as there is any. */
function shift(view, { scale, edges }, by) {
  if (!view.range) return;
  const [left, right] = edges();
  const { at, value } = scale();
  const [first, last] = view.whole.map((end) => (at(end) || left)); // of zero there is no logarithm
  const allowed = by < 0 ? Math.max(by, Math.min(0, first - left)) : Math.min(by, Math.max(0, last - right));
  view.zoom([value(left + allowed), value(right + allowed)]);
}

/** Values are read where the pointer is; across what it is dragged is looked at. */
function listenToPointer(picture, view, geometry) {
  /** @type {number | null} */
  let start = null;
  const inside = (event) => {
    const [left, right] = geometry.edges();
    return Math.min(right, Math.max(left, pixel(picture, event)));
  };
  const band = svg("rect", { class: "band", y: 0, height: "100%" });
  const drop = () => {
    start = null;
    band.remove();
  };
  picture.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    start = inside(event);
    picture.setPointerCapture(event.pointerId);
  });
  picture.addEventListener("pointermove", (event) => {
    const here = inside(event);
    view.point(geometry.scale().value(here));
    if (start === null || Math.abs(here - start) < DRAG) return;
    band.setAttribute("x", String(Math.min(start, here)));
    band.setAttribute("width", String(Math.abs(here - start)));
    if (!band.isConnected) picture.append(band);
  });
  picture.addEventListener("pointerup", (event) => {
    const [from, to] = [start, inside(event)];
    drop();
    if (from === null || Math.abs(to - from) < DRAG) return;
    view.zoom([from, to].map((place) => geometry.scale().value(place)));
  });
  picture.addEventListener("pointercancel", drop);
  picture.addEventListener("pointerleave", () => {
    if (start === null) view.point(null);
  });
}

function pixel(picture, event) {
  return event.clientX - picture.getBoundingClientRect().left;
}
