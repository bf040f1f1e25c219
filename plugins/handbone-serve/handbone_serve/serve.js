// Hands radiographs in, follows them, and shows their cards; the token lies in the address after #, which no server sees.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem("handbone.token", given);
  history.replaceState(null, "", location.pathname);
}
const headers = { Authorization: `Bearer ${sessionStorage.getItem("handbone.token") ?? ""}` };
const rows = new Map(), finished = new Set();

async function ask(path, options = {}) {
  const answer = await fetch(path, { ...options, headers });
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw new Error(answer.status === 401
    ? "Open the whole address that the command has printed."
    : typeof told.detail === "string" ? told.detail : `The server answered ${answer.status}.`);
}
async function attempt(work) {
  try {
    await work();
    $("#problem").hidden = true;
  } catch (error) {
    $("#problem").textContent = error.message;
    $("#problem").hidden = false;
  }
}

async function handIn(files) {
  for (const file of files) {
    await attempt(async () => {
      const form = new FormData();
      form.append("file", file);
      follow(await (await ask("/api/images", { method: "POST", body: form })).json());
    });
  }
}
const WORDS = { queued: "waiting", outlining: "outlining bones", measuring: "measuring", failed: "failed" };
function follow(image) {
  if (image.state === "done" || image.state === "cancelled") {
    rows.get(image.id)?.remove();
    rows.delete(image.id);
    if (image.state === "done" && !finished.has(image.id)) attempt(() => show(image));
    return;
  }
  if (finished.has(image.id)) return;
  const row = rows.get(image.id) ?? newRow(image);
  row.className = image.state;
  const ahead = image.ahead ? `, ${image.ahead} before it` : "";
  $("span", row).textContent = image.error ? `failed: ${image.error}` : `${WORDS[image.state]}${ahead}`;
  $("button", row).textContent = image.error ? "Remove" : "Cancel";
}
function newRow(image) {
  const row = document.createElement("li");
  row.append(document.createElement("b"), document.createElement("span"), document.createElement("button"));
  $("b", row).textContent = image.name;
  $("button", row).onclick = () => attempt(() => remove(image.id));
  rows.set(image.id, row);
  $("#waiting").append(row);
  return row;
}
async function remove(id) {
  await ask(`/api/images/${id}`, { method: "DELETE" });
  rows.get(id)?.remove();
  rows.delete(id);
}

async function show(image) {
  finished.add(image.id);
  const parts = await (await ask(`/api/images/${image.id}/cards`)).json();
  for (const part of parts) {
    const holder = document.createElement("template");
    holder.innerHTML = part; // made by the server, which escapes every name
    const card = holder.content.querySelector(".card");
    card.append(acts(image, card));
    $(".cards").prepend(card);
    cards.unshift(card);
    listed.unshift([card.dataset.name, card.dataset.key, card.dataset.kind]);
  }
  $("#tools").hidden = false;
  refresh();
}
function acts(image, card) {
  const row = document.createElement("div");
  row.className = "acts";
  const button = (text, work) => {
    const made = row.appendChild(document.createElement("button"));
    made.textContent = text;
    made.onclick = (event) => { event.stopPropagation(); attempt(work); };
  };
  if (!["no_hand", "failed"].includes(card.dataset.kind)) button("Masks", () => download(image));
  button("Remove", async () => {
    await remove(image.id);
    for (const each of cards.filter((other) => other.dataset.of === image.id)) {
      const at = cards.indexOf(each);
      cards.splice(at, 1);
      listed.splice(at, 1);
      each.remove();
    }
    refresh();
  });
  card.dataset.of = image.id;
  return row;
}
async function download(image) {
  const format = $("#format").value;
  const blob = await (await ask(`/api/images/${image.id}/masks/${encodeURIComponent(format)}`)).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${image.name}-${format}.zip`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// Server-sent events by fetch: EventSource could not send the token in a header.
async function listen() {
  for (;;) {
    try {
      const reader = (await ask("/api/events")).body.pipeThrough(new TextDecoderStream()).getReader();
      for (const image of await (await ask("/api/images")).json()) follow(image);
      for (let text = ""; ;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
        for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
          if (text.startsWith("data: ")) follow(JSON.parse(text.slice(6, end)));
        }
      }
    } catch { /* the server may be back soon */ }
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}

const drop = $("#drop");
for (const kind of ["dragenter", "dragover"]) {
  addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  handIn(event.dataTransfer.files);
});
$("#files").addEventListener("change", (event) => { handIn([...event.target.files]); event.target.value = ""; });
attempt(async () => {
  for (const { name, summary } of await (await ask("/api/formats")).json()) {
    const option = new Option(name, name);
    option.title = summary;
    $("#format").append(option);
  }
  listen();
});
