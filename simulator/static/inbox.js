import { badge, call, codingBadges, coalesced, h, header, localTime, onChange, pduBody, replace, said, shortStamp, showLinkChip } from "/static/common.js";

const SHOWN_MAX = 300;
const KINDS = { delivered: "good", enroute: "warn", accepted: "warn", scheduled: "warn" };

let messages = [];
let chosen = null;

// Segments of one message have its reference; what stands alone is a message.
function grouped(items) {
  const found = [];
  const open = new Map();
  for (const item of items) {
    if (!item.part || item.part.total === 1) { found.push({ key: item.id, segments: [item], total: 1 }); continue; }
    const key = `${item.from} ${item.to} ${item.part.reference} ${item.part.total}`;
    let whole = open.get(key);
    if (!whole || whole.segments.some((one) => one.part.number === item.part.number)) {
      whole = { key: item.id, segments: [], total: item.part.total };
      open.set(key, whole);
      found.push(whole);
    }
    whole.segments.push(item);
  }
  return found.map(described).reverse();
}

function described(whole) {
  const inOrder = [...whole.segments].sort((a, b) => (a.part ? a.part.number - b.part.number : 0));
  const first = inOrder[0];
  const states = new Set(inOrder.map((one) => one.state));
  return {
    ...whole, segments: inOrder, from: first.from, to: first.to, coding: first.coding, account: first.account,
    at: whole.segments[whole.segments.length - 1].accepted_at,
    text: inOrder.map((one) => one.text).join(""),
    state: states.size === 1 ? first.state : "mixed",
    complete: whole.segments.length === whole.total,
  };
}

function matches(message) {
  const sought = document.getElementById("search").value.trim().toLowerCase();
  const state = document.getElementById("state").value;
  if (state && message.state !== state) return false;
  return !sought || `${message.text} ${message.from} ${message.to} ${message.segments.map((one) => one.id).join(" ")}`.toLowerCase().includes(sought);
}

function show() {
  const found = messages.filter(matches);
  document.getElementById("count").textContent = `${found.length} of ${messages.length}`;
  const states = [...new Set(messages.map((one) => one.state))].sort();
  const picker = document.getElementById("state");
  for (const state of states) {
    if (![...picker.options].some((option) => option.value === state)) picker.append(h("option", { value: state }, state));
  }
  replace(document.getElementById("list"), ...(found.length ? found.slice(0, SHOWN_MAX).map(row) : [h("li", { class: "muted empty" }, messages.length ? "Nothing matches." : "No message yet. Whatever an ESME submits appears here.")]));
}

function row(message) {
  return h("li", {}, h("button", { type: "button", class: "mail", "aria-current": message.key === chosen ? "true" : null, onclick: () => choose(message.key) },
    h("span", { class: "mail-who" }, h("b", {}, message.from || "–"), h("span", { class: "muted" }, `→ ${message.to}`)),
    h("time", { class: "muted" }, shortStamp(message.at)),
    h("span", { class: "mail-text" }, message.text),
    h("span", { class: "facts" }, badge(message.state, KINDS[message.state] || "bad"), ...codingBadges(message.coding, message.total), message.complete ? null : badge(`${message.segments.length} of ${message.total} came`, "bad"))));
}

async function choose(key) {
  chosen = key;
  show();
  await view();
}

async function view() {
  const message = messages.find((one) => one.key === chosen);
  if (!message) return;
  const details = await Promise.all(message.segments.map((one) => call("GET", `/sim/smsc/messages/${encodeURIComponent(one.id)}`)));
  if (message.key !== chosen) return;
  const lost = details.find((answer) => !answer.ok);
  replace(document.getElementById("view"),
    h("h2", {}, `${message.from} → ${message.to}`),
    h("div", { class: "facts" }, badge(message.state, KINDS[message.state] || "bad"), ...codingBadges(message.coding, message.total), badge(`account ${message.account}`)),
    h("p", { class: "mail-body" }, message.text),
    lost ? h("p", { class: "failed" }, said(lost)) : null,
    ...details.filter((answer) => answer.ok).map((answer, index) => segment(answer.body, index + 1, message.total)));
}

function segment(detail, number, total) {
  const steps = [
    { at: detail.accepted_at, wall: detail.accepted_wall_at, what: "accepted by the SMSC", more: detail.id },
    { at: detail.state_at, wall: detail.state_wall_at, what: detail.state, more: detail.state === "delivered" ? "on the handset" : "", kind: KINDS[detail.state] || "bad", skip: detail.state === "enroute" },
    ...detail.trace.map((pdu) => ({ at: pdu.at, wall: pdu.wall_at, what: pdu.command, more: `${pdu.direction === "to_esme" ? "to" : "from"} ${pdu.link} #${pdu.sequence}${pdu.status === "ESME_ROK" ? "" : ` ${pdu.status}`}`, minor: true })),
  ].filter((step) => !step.skip).sort((a, b) => a.wall.localeCompare(b.wall));
  return h("section", { class: "segment" },
    h("h3", {}, total > 1 ? `Segment ${number} of ${total}` : "The way it went"),
    h("ol", { class: "timeline" }, ...steps.map((step) => h("li", { class: `${step.minor ? "minor" : ""} ${step.kind || ""}` },
      h("time", { title: "network clock, then this machine's" }, `${shortStamp(step.at)} · ${localTime(step.wall)}`), h("b", {}, step.what), h("span", { class: "muted" }, step.more)))),
    h("details", {}, h("summary", {}, `submit_sm, ${detail.pdu.hex.length / 2} octets`), pduBody(detail.pdu.hex, detail.pdu.fields)));
}

const refresh = coalesced(async () => {
  const answer = await call("GET", "/sim/smsc/messages?limit=2000");
  if (!answer.ok) return;
  messages = grouped(answer.body.items);
  show();
});

const refreshLinks = coalesced(async () => {
  const answer = await call("GET", "/sim/smsc/links");
  if (answer.ok) showLinkChip(answer.body);
});

header();
document.getElementById("search").addEventListener("input", show);
document.getElementById("state").addEventListener("change", show);
onChange((kinds) => {
  if (kinds.has("messages")) refresh();
  if (kinds.has("links") || kinds.has("faults")) refreshLinks();
});
