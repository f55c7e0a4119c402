import { badge, call, coalesced, h, header, onChange, replace, said, showLinkChip, toast, tracedRow } from "/static/common.js";

const LINKS = [["up", "up: everything works"], ["down", "down: the port is closed"], ["half_open", "half open: octets vanish"], ["refuse_bind", "binds are refused"]];
const ID_FORMS = [["as_sent", "as sent"], ["hex", "hexadecimal"], ["decimal", "decimal"], ["no_zeros", "without leading zeros"]];
const STATUSES = ["ESME_RTHROTTLED", "ESME_RMSGQFUL", "ESME_RSYSERR", "ESME_RSUBMITFAIL", "ESME_RINVDSTADR"];
const STATES = ["DELIVRD", "UNDELIV", "EXPIRED", "REJECTD", "UNKNOWN"];
const PRESETS = [
  ["Slow SMSC", { response: { delay_ms: [300, 1500] }, receipt: { delay_ms: [1000, 4000] } }],
  ["Throttling", { response: { status: { ESME_RTHROTTLED: 0.3 } } }],
  ["Answers get lost", { response: { drop: 0.2, duplicate: 0.1, reorder: 0.2 } }],
  ["Messy receipts", { receipt: { duplicate: 0.3, drop: 0.1, before_response: 0.5, id_form: "hex" } }],
  ["Failing handsets", { receipt: { states: { DELIVRD: 0.6, EXPIRED: 0.2 } } }],
  ["Shaky USSD", { ussd: { delay_ms: [200, 900], abort: 0.1, duplicate_begin: 0.3 } }],
];

let faults = null;
let after = 0;
const controls = new Map();
const personas = new Map();

function at(path) {
  return path.reduce((value, key) => (value === undefined || value === null ? undefined : value[key]), faults);
}

function put(path, value) {
  const parent = path.slice(0, -1).reduce((node, key) => node[key], faults);
  const last = path[path.length - 1];
  if (value === undefined) delete parent[last]; else parent[last] = value;
}

const send = coalesced(async () => {
  const answer = await call("PUT", "/sim/faults", faults);
  if (!answer.ok) toast(said(answer), "bad");
  else showPersona();
});

function probability(label, path) {
  const shown = h("output", {}, "0 %");
  const slider = h("input", { type: "range", min: "0", max: "100", step: "1", oninput: () => { shown.textContent = `${slider.value} %`; }, onchange: () => {
    const value = Number(slider.value) / 100;
    put(path, value || path.length < 3 ? value : undefined);
    send();
  } });
  controls.set(path.join("."), () => { slider.value = Math.round(100 * (at(path) || 0)); shown.textContent = `${slider.value} %`; });
  return h("label", { class: "slider" }, h("span", {}, label), slider, shown);
}

function delay(label, path) {
  const low = h("input", { type: "number", min: "0", max: "3600000", step: "50" });
  const high = h("input", { type: "number", min: "0", max: "3600000", step: "50" });
  const change = () => { const a = Math.max(0, Number(low.value) || 0); put(path, [a, Math.max(a, Number(high.value) || 0)]); send(); show(); };
  low.addEventListener("change", change);
  high.addEventListener("change", change);
  low.setAttribute("aria-label", `${label}, at least, milliseconds`);
  high.setAttribute("aria-label", `${label}, at most, milliseconds`);
  controls.set(path.join("."), () => { [low.value, high.value] = at(path); });
  return h("div", { class: "range" }, h("span", {}, label), low, h("span", { class: "muted" }, "to"), high, h("span", { class: "muted" }, "ms"));
}

function choice(label, path, options) {
  const select = h("select", { onchange: () => { put(path, select.value); send(); } }, ...options.map(([value, name]) => h("option", { value }, name)));
  controls.set(path.join("."), () => { select.value = at(path); });
  return h("label", { class: "pick" }, h("span", {}, label), select);
}

function number(label, path, hint) {
  const field = h("input", { type: "number", min: "0", placeholder: hint, onchange: () => { put(path, field.value === "" || Number(field.value) === 0 ? null : Number(field.value)); send(); } });
  controls.set(path.join("."), () => { field.value = at(path) ?? ""; });
  return h("label", { class: "pick" }, h("span", {}, label), field);
}

function personaPicker() {
  const what = h("span", { class: "muted", id: "persona-what" });
  const select = h("select", { id: "persona", onchange: () => become(select.value) }, h("option", { value: "", disabled: true }, "of your own making"));
  return h("div", { class: "pick" }, h("label", { for: "persona" }, "The SMSC is"), select, what);
}

async function fillPersonas() {
  const answer = await call("GET", "/sim/personas");
  if (!answer.ok) return;
  for (const one of answer.body.items) {
    personas.set(one.name, one);
    document.getElementById("persona").append(h("option", { value: one.name, title: one.what }, one.name));
  }
  showPersona();
}

async function become(name) {
  const answer = await call("PUT", `/sim/personas/${encodeURIComponent(name)}`);
  if (answer.ok) { faults = answer.body; show(); } else toast(said(answer), "bad");
}

function showPersona() {
  const mine = JSON.stringify(faults);
  const found = [...personas.values()].find((one) => JSON.stringify(one.faults) === mine);
  document.getElementById("persona").value = found ? found.name : "";
  document.getElementById("persona-what").textContent = found ? found.what : "";
}

function group(title, ...rows) {
  return h("fieldset", {}, h("legend", {}, title), ...rows);
}

function build() {
  replace(document.getElementById("faults"),
    h("div", { class: "presets buttons", role: "group", "aria-label": "Ready-made faults" },
      ...PRESETS.map(([name, document]) => h("button", { type: "button", onclick: () => preset(document) }, name)),
      h("button", { type: "button", class: "primary", onclick: clear }, "Everything works")),
    personaPicker(),
    h("div", { class: "fault-groups" },
      group("Link", choice("State", ["link"], LINKS), number("At most per second", ["rate_limit_per_s"], "no limit"), probability("Malformed answers", ["malformed"]), number("Seed of the dice", ["seed"], "0")),
      group("Answers to submit_sm", delay("Delay", ["response", "delay_ms"]), probability("Lost", ["response", "drop"]), probability("Twice", ["response", "duplicate"]), probability("Out of order", ["response", "reorder"]), ...STATUSES.map((name) => probability(name.replace("ESME_", ""), ["response", "status", name]))),
      group("Receipts", delay("Delay", ["receipt", "delay_ms"]), probability("Lost", ["receipt", "drop"]), probability("Twice", ["receipt", "duplicate"]), probability("Before the answer", ["receipt", "before_response"]), choice("Message id", ["receipt", "id_form"], ID_FORMS), ...STATES.map((name) => probability(name, ["receipt", "states", name]))),
      group("USSD", delay("Delay", ["ussd", "delay_ms"]), probability("Aborted", ["ussd", "abort"]), probability("Begin twice", ["ussd", "duplicate_begin"]))));
  document.getElementById("faults").addEventListener("submit", (event) => event.preventDefault());
}

async function preset(document) {
  const answer = await call("PUT", "/sim/faults", { seed: faults.seed, ...document });
  if (answer.ok) { faults = answer.body; show(); } else toast(said(answer), "bad");
}

async function clear() {
  const answer = await call("DELETE", "/sim/faults");
  if (answer.ok) { faults = answer.body; show(); } else toast(said(answer), "bad");
}

function show() {
  if (!faults) return;
  for (const fill of controls.values()) fill();
  showPersona();
}

const refreshFaults = coalesced(async () => {
  const answer = await call("GET", "/sim/faults");
  if (!answer.ok) return;
  faults = answer.body;
  show();
});

const refreshLinks = coalesced(async () => {
  const answer = await call("GET", "/sim/smsc/links");
  if (!answer.ok) return;
  const network = answer.body;
  showLinkChip(network);
  const figure = (value, name) => h("div", {}, h("b", {}, String(value)), h("span", { class: "muted" }, name));
  replace(document.getElementById("figures"), figure(network.messages.accepted.toLocaleString("en"), "segments accepted"), figure(network.messages.pending, "waiting for their phone or hour"), figure(network.dialogues.open, "dialogues open"), figure(network.dialogues.late, "late screens"));
  const cells = (...values) => h("tr", {}, ...values.map((value) => (value instanceof Node ? h("td", {}, value) : h("td", { class: typeof value === "number" ? "num" : null }, String(value)))));
  replace(document.querySelector("#links tbody"), ...(network.links.length ? network.links.map((link) => cells(link.name, badge(link.state.replace("bound_", ""), "good"), link.peer, link.window_free, link.unanswered)) : [h("tr", {}, h("td", { colspan: "5", class: "muted" }, "Nobody is bound. Accounts: gateway, and demo with password demo for your own ESME."))]));
  replace(document.querySelector("#accounts tbody"), ...network.accounts.map((one) => cells(one.system_id, one.queued, one.accepted, one.refused, one.expired)));
  fillPicker("trace-link", network.links.map((link) => link.name));
});

function fillPicker(id, values) {
  const picker = document.getElementById(id);
  for (const value of values) {
    if (![...picker.options].some((option) => option.value === value)) picker.append(h("option", { value }, value));
  }
}

const refreshTrace = coalesced(async () => {
  if (!document.getElementById("trace-live").checked) return;
  const query = new URLSearchParams({ limit: "200", after: String(after) });
  for (const name of ["command", "link"]) {
    const value = document.getElementById(`trace-${name}`).value;
    if (value) query.set(name, value);
  }
  const answer = await call("GET", `/sim/pdus?${query}`);
  if (!answer.ok || !answer.body.items.length) return;
  after = Math.max(after, answer.body.items[0].serial);
  const body = document.getElementById("trace");
  fillPicker("trace-command", [...new Set(answer.body.items.map((pdu) => pdu.command))].sort());
  body.prepend(...answer.body.items.map(tracedRow));
  while (body.children.length > 400) body.lastChild.remove();
});

function restartTrace() {
  after = 0;
  replace(document.getElementById("trace"));
  refreshTrace();
}

header();
build();
fillPersonas();
for (const id of ["trace-command", "trace-link", "trace-live"]) document.getElementById(id).addEventListener("change", restartTrace);
onChange((kinds) => {
  refreshLinks();
  if (kinds.has("faults")) refreshFaults();
  refreshTrace();
});
setInterval(() => { refreshLinks(); refreshTrace(); }, 3000);
