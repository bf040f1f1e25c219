// Filters, the viewer and the verdicts of a page of predictions.
const $ = (selector, within = document) => within.querySelector(selector);
// Several pages share one file with what all of them show.
const listed = window.handboneListed ?? JSON.parse($("#listed").textContent);
const KINDS = { doubtful: "doubtful", no_hand: "no hand", failed: "failed", fine: "no doubt" };
const VERDICTS = ["good", "look", "bad"];
const cards = [...document.querySelectorAll(".card")];
const dialog = $("dialog.viewer"), stage = $(".stage"), told = $(".told");
let shown = cards, current = null, view = null;

// Verdicts: in the browser's storage where it lets us, under a key of the masks themselves.
const memory = new Map();
const place = (key) => `handbone.verdict.${key}`;
function verdictOf(key) {
  try { return localStorage.getItem(place(key)) ?? ""; } catch { return memory.get(key) ?? ""; }
}
function keepVerdict(key, verdict) {
  memory.set(key, verdict);
  try {
    if (verdict) localStorage.setItem(place(key), verdict);
    else localStorage.removeItem(place(key));
  } catch { /* the page's memory has it */ }
}
function judge(card, verdict) {
  const key = card.dataset.key;
  keepVerdict(key, verdictOf(key) === verdict ? "" : verdict);
  showVerdict(card);
  count();
}
function showVerdict(card) {
  const verdict = verdictOf(card.dataset.key), badge = $(".verdict", card);
  badge.className = `verdict ${verdict}`;
  badge.textContent = verdict;
  if (card !== current) return;
  for (const button of dialog.querySelectorAll("[data-verdict]")) {
    button.setAttribute("aria-pressed", button.dataset.verdict === verdict);
  }
}
function count() {
  $("#open-count").textContent = cards.filter((card) => !verdictOf(card.dataset.key)).length;
  const given = listed.filter(([, key]) => verdictOf(key)).length;
  $("#save").disabled = !given;
  $("#save").textContent = given ? `Save ${given} verdict${given > 1 ? "s" : ""} as CSV` : "Save verdicts as CSV";
}
function save() {
  const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const rows = listed.map(([name, key, kind]) => [name, KINDS[kind], verdictOf(key)]).filter((row) => row[2]);
  const text = [["image", "outcome", "verdict"], ...rows].map((row) => row.map(cell).join(",") + "\r\n").join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = "verdicts.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// Filters.
function filter() {
  const wanted = $("[name=filter]:checked").value;
  const fits = { all: () => true, open: (card) => !verdictOf(card.dataset.key) }[wanted]
    ?? ((card) => card.dataset.kind === wanted);
  for (const card of cards) card.hidden = !fits(card);
  shown = cards.filter((card) => !card.hidden);
  $("#nothing").hidden = shown.length > 0 || !cards.length;
}

// The viewer: the card's outlines above the radiograph, as large as the window.
function open(card) {
  current = card;
  stage.replaceChildren(figureOf(card));
  const svg = $("svg", stage);
  view = svg && zoomable(svg);
  $(".name", dialog).textContent = card.dataset.name;
  $(".place", dialog).textContent = `${shown.indexOf(card) + 1} of ${shown.length}`;
  $("[data-do=back]").disabled = shown[0] === card;
  $("[data-do=on]").disabled = shown.at(-1) === card;
  $(".zoom").hidden = !svg;
  told.replaceChildren($("template", card).content.cloneNode(true));
  told.scrollTop = 0;
  if (!dialog.open) dialog.showModal();
  if (svg) listBones(svg);
  showVerdict(card);
}
const SVG = "http://www.w3.org/2000/svg";
function figureOf(card) {
  const image = $("img", card);
  if (!image) return document.createTextNode("There is no image to show.");
  const figure = $(".panel", card)?.cloneNode(true) ?? document.createElement("figure");
  figure.className = "panel";
  const width = image.getAttribute("width"), height = image.getAttribute("height");
  if (!$("svg", figure)) figure.append(document.createElementNS(SVG, "svg"));
  const svg = $("svg", figure), radiograph = document.createElementNS(SVG, "image");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  for (const [name, value] of Object.entries({ width, height, href: image.src })) radiograph.setAttribute(name, value);
  svg.prepend(radiograph);
  return figure;
}
function listBones(svg) {
  const paths = [...svg.querySelectorAll(".bones path")].sort((a, b) => number(a) - number(b));
  if (!paths.length) return;
  const names = svg.appendChild(document.createElementNS(SVG, "g"));
  names.setAttribute("class", "names");
  const scale = svg.viewBox.baseVal.height / stage.clientHeight;
  svg.style.setProperty("--text", 12 * Math.max(scale, svg.viewBox.baseVal.width / stage.clientWidth));
  const list = document.createElement("div");
  // Asked of all before anything changes, so that the browser lays the page out once.
  const boxes = paths.map((path) => path.getBBox());
  paths.forEach((path, at) => list.append(boneSwitch(path, boxes[at], names)));
  const title = document.createElement("h3"), all = document.createElement("button");
  title.textContent = "Bones";
  all.textContent = "none or all";
  all.onclick = () => {
    const switches = [...list.querySelectorAll("input")], on = !switches.some((each) => each.checked);
    for (const each of switches) if (each.checked !== on) each.click();
  };
  title.append(all);
  $(".bone-list", told).append(title, list);
  part(names);
  svg.addEventListener("view", () => part(names));
}
// Names are as large at any zoom, so that few fit on a small screen: one that would lie on another waits for more room.
function part(names) {
  const free = [], places = [...names.children].map((text) => [text, text.getBoundingClientRect()]);
  const doubtful = ([text]) => text.classList.contains("doubtful");
  for (const [text, at] of places.sort((a, b) => doubtful(b) - doubtful(a))) {
    const hit = (other) =>
      at.left < other.right && other.left < at.right && at.top < other.bottom && other.top < at.bottom;
    const covered = free.some(hit);
    text.classList.toggle("covered", covered);
    if (!covered && at.width) free.push(at);
  }
}
const number = (path) => Number(path.classList[0].slice(1));
function boneSwitch(path, box, names) {
  const [full, note] = $("title", path).textContent.split(" · ");
  const [short] = full.split("  ");
  const text = names.appendChild(document.createElementNS(SVG, "text"));
  text.setAttribute("class", path.className.baseVal);
  text.setAttribute("x", box.x + box.width / 2);
  text.setAttribute("y", box.y + box.height / 2);
  text.textContent = short;
  const label = document.createElement("label"), input = document.createElement("input");
  const name = document.createElement("span"), confidence = document.createElement("small");
  label.className = path.classList[0];
  label.title = $("title", path).textContent;
  Object.assign(input, { type: "checkbox", checked: true });
  name.textContent = short;
  confidence.textContent = note.split(",")[0];
  if (path.classList.contains("doubtful")) name.className = "unsure";
  input.onchange = () => {
    for (const each of [path, text]) each.classList.toggle("off", !input.checked);
    part(names);
  };
  const light = (on) => { for (const each of [path, label, text]) each.classList.toggle("lit", on); };
  for (const each of [path, label]) {
    each.addEventListener("pointerenter", () => light(true));
    each.addEventListener("pointerleave", () => light(false));
  }
  label.append(input, name, confidence);
  return label;
}
function step(by) {
  const next = shown[shown.indexOf(current) + by];
  if (next) open(next);
}

// The keyboard.
const perRow = () => shown.filter((card) => card.offsetTop === shown[0].offsetTop).length;
const MOVES = { ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -perRow(), ArrowDown: perRow };
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input[type=radio], select");
  if (event.ctrlKey || event.metaKey || event.altKey || typing) return;
  const card = dialog.open ? current : document.activeElement.closest(".card");
  const verdict = VERDICTS[event.key - 1];
  if (verdict && card) judge(card, verdict);
  else if (dialog.open && event.key === "ArrowLeft") step(-1);
  else if (dialog.open && event.key === "ArrowRight") step(1);
  else if (dialog.open && "+-0".includes(event.key)) resize({ "+": "in", "-": "out", 0: "whole" }[event.key]);
  else if (!dialog.open && event.target === card && event.key === "Enter") open(card);
  else if (!dialog.open && shown.length && event.key in MOVES) {
    const at = shown.indexOf(card), to = at < 0 ? 0 : at + MOVES[event.key]();
    shown[Math.min(Math.max(to, 0), shown.length - 1)].focus();
  } else return;
  event.preventDefault();
});
function resize(how) {
  if (how === "whole") view?.reset();
  else view?.zoom(how === "in" ? 1.5 : 1 / 1.5);
}

const DO = { back: () => step(-1), on: () => step(1), close: () => dialog.close() };
dialog.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.verdict) judge(current, button.dataset.verdict);
  else if (button?.dataset.do) (DO[button.dataset.do] ?? (() => resize(button.dataset.do)))();
});
dialog.addEventListener("close", () => {
  const last = current;
  current = view = null;
  stage.replaceChildren();
  filter();
  last.focus();
});
$(".cards").addEventListener("click", (event) => { const card = event.target.closest(".card"); if (card) open(card); });
$(".filters").addEventListener("change", filter);
$("#save").addEventListener("click", save);
function refresh() {
  cards.forEach(showVerdict);
  filter();
  count();
}
refresh();
