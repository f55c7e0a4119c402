// What all pages share. Text is only ever set as text: nothing a message says can become markup.

export function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const ICONS = {
  power: "M12 3v8M6.3 6.8a8 8 0 1 0 11.4 0",
  call: "M5 4h3.2l1.6 4.2-2.2 1.5a12 12 0 0 0 5.7 5.7l1.5-2.2L19 14.8V18a2 2 0 0 1-2 2A14 14 0 0 1 3 6a2 2 0 0 1 2-2z",
  erase: "M9 5h11v14H9l-6-7zM12.5 9.5l5 5M17.5 9.5l-5 5",
};

// Drawn, not typed: fonts differ in the signs they have.
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export function replace(parent, ...children) {
  parent.replaceChildren(...children.filter(Boolean));
}

export async function call(method, path, body) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    return { ok: false, status: 0, body: { detail: "The simulator does not answer." } };
  }
  let document = null;
  try {
    document = await response.json();
  } catch {
    document = null;
  }
  return { ok: response.ok, status: response.status, body: document };
}

export function said(answer) {
  const body = answer.body || {};
  return body.code ? `${body.code}: ${body.detail || body.title || ""}` : body.detail || `status ${answer.status}`;
}

export function toast(text, kind = "info") {
  const shelf = document.getElementById("toasts");
  const one = h("div", { class: `toast ${kind}` }, text);
  shelf.append(one);
  while (shelf.children.length > 4) shelf.firstChild.remove();
  setTimeout(() => one.remove(), kind === "bad" ? 9000 : 5000);
}

const PAGES = [["/", "Phones"], ["/inbox", "Inbox"], ["/network", "Network"]];

export function header() {
  const here = location.pathname;
  const chip = h("span", { class: "chip", id: "top-link", role: "status" }, "…");
  const theme = h("button", { type: "button", class: "quiet", title: "Light or dark", "aria-label": "Switch between light and dark", onclick: switchTheme }, "◐");
  replace(
    document.getElementById("top"),
    h("a", { class: "brand", href: "/" }, h("img", { src: "/static/favicon.svg", alt: "", width: "26", height: "26" }), h("b", {}, "Firstcharge"), h("span", { class: "muted" }, "simulated operator")),
    h("nav", { "aria-label": "Pages" }, ...PAGES.map(([path, name]) => h("a", { href: path, "aria-current": path === here ? "page" : null }, name))),
    h("span", { class: "grow" }),
    chip,
    theme,
  );
}

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
}

export function showLinkChip(network) {
  const chip = document.getElementById("top-link");
  const count = network.links.length;
  chip.className = `chip ${network.link !== "up" ? "bad" : count ? "good" : "warn"}`;
  chip.textContent = network.link !== "up" ? `SMSC ${network.link.replace("_", " ")}` : count ? `${count} link${count === 1 ? "" : "s"} bound` : "nobody is bound";
}

// Calls back with the kinds of things that changed; falls back to a slow poll while the stream is down.
export function onChange(handle) {
  const everything = ["links", "messages", "faults", "clock", "dialogues", "handsets", "pdus"];
  const stream = new EventSource("/sim/events");
  stream.onmessage = (event) => handle(new Set(JSON.parse(event.data)));
  stream.onopen = () => handle(new Set(everything));
  setInterval(() => { if (stream.readyState !== EventSource.OPEN) handle(new Set(everything)); }, 4000);
}

// One run at a time; a call meanwhile causes exactly one more run afterwards.
export function coalesced(work) {
  let running = false;
  let again = false;
  return async function run() {
    if (running) { again = true; return; }
    running = true;
    do { again = false; await work(); } while (again);
    running = false;
  };
}

// An instant as the network wrote it, in its own zone: no conversion to the browser's.
export function parts(instant) {
  const found = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?/.exec(instant || "");
  if (!found) return null;
  const [, year, month, day, hour, minute, second = "00", fraction = "0"] = found;
  return { year: +year, month: +month, day: +day, hour, minute, second, fraction: fraction.slice(0, 3) };
}

const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

export function longDate(instant) {
  const p = parts(instant);
  return p ? `${p.day} ${MONTHS[p.month - 1]} ${p.year}` : "–";
}

export function shortStamp(instant) {
  const p = parts(instant);
  return p ? `${String(p.day).padStart(2, "0")}.${String(p.month).padStart(2, "0")} ${p.hour}:${p.minute}` : "–";
}

export function clockText(instant, seconds = false) {
  const p = parts(instant);
  if (!p) return "–";
  return seconds ? `${p.hour}:${p.minute}:${p.second}.${p.fraction.padEnd(3, "0")}` : `${p.hour}:${p.minute}`;
}

// A moment by this machine's clock: the network's may stand still.
export function localTime(instant) {
  const at = new Date(instant);
  return `${at.toTimeString().slice(0, 8)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

export function badge(text, kind = "", title = null) {
  return h("span", { class: `badge ${kind}`, title }, text);
}

export function codingBadges(coding, segments, octets = null) {
  return [
    badge(coding === "ucs2" ? "UCS-2" : coding === "gsm7" ? "GSM-7" : coding, coding, "how the characters travel"),
    segments ? badge(`${segments} ${segments === 1 ? "segment" : "segments"}`, segments > 1 ? "warn" : "", "what the message costs") : null,
    octets === null ? null : badge(`${octets} octets`),
  ].filter(Boolean);
}

export function tracedRow(pdu) {
  const outward = pdu.direction === "to_esme";
  const bad = pdu.status !== "ESME_ROK";
  const row = h("details", { class: `pdu ${outward ? "out" : "in"}` },
    h("summary", {},
      h("span", { class: "pdu-time", title: `network clock ${shortStamp(pdu.at)}` }, localTime(pdu.wall_at)),
      h("span", { class: "pdu-way", title: outward ? "SMSC to ESME" : "ESME to SMSC" }, outward ? "→ ESME" : "← ESME"),
      h("span", { class: "pdu-link" }, pdu.link),
      h("span", { class: "pdu-command" }, pdu.command),
      h("span", { class: "pdu-sequence" }, `#${pdu.sequence}`),
      h("span", { class: bad ? "pdu-status bad" : "pdu-status" }, bad ? pdu.status : ""),
    ));
  row.addEventListener("toggle", () => {
    if (row.open && row.children.length === 1) row.append(pduBody(pdu.hex, pdu.fields));
  });
  return row;
}

export function pduBody(hex, fields) {
  const table = h("table", { class: "fields" }, h("tbody", {}, ...fieldRows(fields)));
  return h("div", { class: "pdu-body" }, table, h("pre", { class: "hex", tabindex: "0", "aria-label": "Octets in hexadecimal" }, hexDump(hex)));
}

function fieldRows(fields) {
  const { words = {}, tlvs = [], ...plain } = fields || {};
  const row = (name, value, word) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value, word ? h("span", { class: "muted" }, ` ${word}`) : null));
  const shown = (value) => (value === "" ? "–" : typeof value === "object" && value !== null ? JSON.stringify(value) : String(value));
  return [
    ...Object.entries(plain).map(([name, value]) => row(name, shown(value), words[name])),
    ...tlvs.map((tlv) => row(`${tlv.tag} ${tlv.name || ""}`, shown(tlv.value ?? tlv.hex), tlv.word)),
  ];
}

function hexDump(hex) {
  const lines = [];
  for (let at = 0; at < hex.length; at += 32) {
    const octets = hex.slice(at, at + 32).match(/../g) || [];
    const text = octets.map((octet) => { const code = parseInt(octet, 16); return code > 31 && code < 127 ? String.fromCharCode(code) : "·"; }).join("");
    lines.push(`${(at / 2).toString(16).padStart(4, "0")}  ${octets.join(" ").padEnd(47)}  ${text}`);
  }
  return lines.join("\n");
}
