import { badge, call, clockText, codingBadges, coalesced, h, header, icon, longDate, onChange, parts, replace, said, shortStamp, showLinkChip, toast, tracedRow } from "/static/common.js";

const COST_PAUSE_MS = 120;
const PEOPLE = [
  { letter: "A", msisdn: "79160000001", who: "individual", subscriber: { contract: "individual", network: "on_net", tariff: "smart" } },
  { letter: "C", msisdn: "79160000003", who: "corporate", subscriber: { contract: "corporate", network: "on_net", tariff: "smart" } },
  { letter: "F", msisdn: "79030000009", who: "off-net", subscriber: { contract: "individual", network: "off_net" } },
];
const SHOPS = [["ozon", "Ozon · 5 %"], ["aliexpress", "AliExpress · 7 %, app counts"], ["domino", "Domino's · 100 р from 1000"], ["lamoda", "Lamoda · 10 %"], ["decathlon", "Decathlon · 3 %"], ["booking", "Booking · 4 %"], ["kino", "Kino · 20 %"]];
const QUICK = ["*100#", "*100*1#", "*100*2#", "*100*3#", "*100*4#"];
const KEYS = [["1", ""], ["2", "abc"], ["3", "def"], ["4", "ghi"], ["5", "jkl"], ["6", "mno"], ["7", "pqrs"], ["8", "tuv"], ["9", "wxyz"], ["*", ""], ["0", "+"], ["#", ""]];
const LANGUAGES = ["ru", "ro", "en"];
const FAILURES = { timeout: "No answer from the service", link_down: "No connection to the service", aborted: "Connection ended" };
const OCTETS_MAX = 160;
const LONG_PRESS_MS = 450;

let timers = { ussd_customer_s: 60, ussd_answer_s: 15 };
let serviceNumber = "4400";
let now = null;

class Phone {
  constructor(person) {
    Object.assign(this, person);
    this.typed = "";
    this.tab = "dial";
    this.seen = 0;
    this.messages = [];
    this.dialogueOpen = false;
    this.busy = false;
    this.on = true;
    this.root = this.build();
  }

  build() {
    const id = `phone-${this.letter}`;
    this.time = h("span", {}, "--:--");
    this.display = h("div", { class: "display", "aria-label": "Number", role: "textbox", "aria-readonly": "true" });
    this.ussd = h("div", { class: "ussd", "aria-live": "assertive" });
    this.quick = h("div", { class: "quick", role: "group", "aria-label": "Frequent codes" }, ...QUICK.map((code) =>
      h("button", { type: "button", onclick: () => this.dial(code) }, code)));
    this.dialPane = h("div", { class: "pane", role: "tabpanel", id: `${id}-dial`, "aria-labelledby": `${id}-dial-tab` }, this.quick, this.ussd, this.display);
    this.inbox = h("ol", { class: "sms", "aria-live": "polite", "aria-label": `Messages of phone ${this.letter}` });
    this.compose = this.buildCompose();
    this.smsPane = h("div", { class: "pane", role: "tabpanel", id: `${id}-sms`, "aria-labelledby": `${id}-sms-tab`, hidden: true }, this.inbox, this.compose);
    this.dialTab = h("button", { type: "button", role: "tab", id: `${id}-dial-tab`, "aria-controls": `${id}-dial`, "aria-selected": "true", onclick: () => this.show("dial") }, "Dial");
    this.smsTab = h("button", { type: "button", role: "tab", id: `${id}-sms-tab`, "aria-controls": `${id}-sms`, "aria-selected": "false", onclick: () => this.show("sms") }, "Messages");
    this.unread = h("span", { class: "unread", hidden: true });
    this.smsTab.append(this.unread);
    this.screen = h("div", { class: "screen" },
      h("div", { class: "status" }, h("span", { class: "bars", "aria-hidden": "true" }, h("i"), h("i"), h("i"), h("i")), h("span", { class: "carrier" }, "Firstcharge"), this.time),
      h("div", { class: "tabs", role: "tablist", "aria-label": `Phone ${this.letter}` }, this.dialTab, this.smsTab),
      this.dialPane, this.smsPane,
      h("div", { class: "off-screen", "aria-hidden": "true" }, "off"));
    this.member = h("span", { class: "muted who" }, this.who);
    this.language = h("select", { "aria-label": `Language of phone ${this.letter}`, title: "Language of this subscriber's messages", onchange: () => this.setLanguage() }, ...LANGUAGES.map((code) => h("option", { value: code }, code)));
    this.power = h("button", { type: "button", class: "power", "aria-pressed": "true", title: "Switch the phone off or on", "aria-label": `Phone ${this.letter} is on`, onclick: () => this.switchPower() }, icon("power"));
    this.join = h("button", { type: "button", class: "small", hidden: true, title: "Tell the gateway of this number", onclick: () => this.subscribe() }, "Add");
    const root = h("article", { class: "phone", tabindex: "0", "aria-label": `Phone ${this.letter}, ${this.msisdn}, ${this.who}` },
      h("div", { class: "owner" }, h("span", { class: `letter ${this.letter}` }, this.letter), h("span", { class: "number" }, pretty(this.msisdn), this.member), this.language, this.join),
      h("div", { class: "body" }, h("div", { class: "ear", "aria-hidden": "true" }), this.power, this.screen, this.buildKeys()));
    root.addEventListener("keydown", (event) => this.key(event));
    return root;
  }

  buildKeys() {
    const keys = KEYS.map(([digit, letters]) => {
      const key = h("button", { type: "button", class: "key", "aria-label": digit === "0" ? "0, hold for plus" : digit }, h("b", {}, digit), h("small", {}, letters));
      let held = null;
      let long = false;
      const down = () => { long = false; if (digit === "0") held = setTimeout(() => { long = true; this.type("+"); }, LONG_PRESS_MS); };
      key.addEventListener("pointerdown", down);
      for (const end of ["pointerup", "pointerleave"]) key.addEventListener(end, () => clearTimeout(held));
      key.addEventListener("click", () => { if (!long) this.type(digit); long = false; });
      return key;
    });
    const callKey = h("button", { type: "button", class: "call", "aria-label": "Call or send", onclick: () => this.send() }, icon("call"));
    const back = h("button", { type: "button", class: "key plain", "aria-label": "Delete the last character", onclick: () => this.erase() }, icon("erase"));
    const end = h("button", { type: "button", class: "end", "aria-label": "Hang up", onclick: () => this.hangUp() }, icon("call"));
    return h("div", { class: "keys" }, callKey, back, end, ...keys);
  }

  buildCompose() {
    this.composeText = h("textarea", { rows: "2", placeholder: `Text to ${serviceNumber}…`, "aria-label": `Message from phone ${this.letter}`, oninput: () => this.showCost() });
    this.composeTo = h("input", { value: serviceNumber, inputmode: "tel", "aria-label": "To", class: "to" });
    this.composeCost = h("span", { class: "cost muted" });
    return h("form", { class: "compose", onsubmit: (event) => { event.preventDefault(); this.sendSms(); } },
      this.composeText, h("div", { class: "compose-row" }, h("span", { class: "muted" }, "to"), this.composeTo, this.composeCost, h("button", { type: "submit", class: "primary small" }, "Send")));
  }

  show(tab) {
    this.tab = tab;
    this.dialPane.hidden = tab !== "dial";
    this.smsPane.hidden = tab !== "sms";
    this.dialTab.setAttribute("aria-selected", String(tab === "dial"));
    this.smsTab.setAttribute("aria-selected", String(tab === "sms"));
    if (tab === "sms") { this.seen = this.messages.length; this.inbox.scrollTop = this.inbox.scrollHeight; }
    this.showUnread();
  }

  key(event) {
    if (event.target.closest("textarea, input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
    const onButton = event.target.closest("button");
    if (/^[0-9*#+]$/.test(event.key)) { this.type(event.key); event.preventDefault(); }
    else if (event.key === "Backspace") { this.erase(); event.preventDefault(); }
    else if (event.key === "Enter" && !onButton) { this.send(); event.preventDefault(); }
    else if (event.key === "Escape") this.hangUp();
  }

  type(character) {
    if (!this.on) return;
    if (this.tab !== "dial") this.show("dial");
    if (this.typed.length < 182) this.typed += character;
    this.showTyped();
  }

  erase() { this.typed = this.typed.slice(0, -1); this.showTyped(); }

  showTyped() { this.display.textContent = this.typed; this.display.classList.toggle("empty", !this.typed); }

  send() {
    const text = this.typed;
    if (this.dialogueOpen) { if (text) this.answer(text); } else if (text) this.dial(text);
  }

  async dial(code) {
    if (this.busy || !this.on) return;
    this.show("dial");
    this.waiting(code);
    this.shown(await call("POST", `/sim/handsets/${this.msisdn}/dial`, { code }), code);
  }

  async answer(text) {
    if (this.busy) return;
    this.waiting(text);
    this.shown(await call("POST", `/sim/handsets/${this.msisdn}/answer`, { text }), text);
  }

  waiting(sent) {
    this.busy = true;
    this.typed = "";
    this.showTyped();
    this.stopCountdown();
    replace(this.ussd, h("div", { class: "running" }, h("span", { class: "spinner", "aria-hidden": "true" }), `${sent} …`));
    this.root.classList.add("in-dialogue");
  }

  shown(answer, sent) {
    this.busy = false;
    const screen = answer.body || {};
    this.dialogueOpen = Boolean(answer.ok && screen.open);
    if (!answer.ok) { replace(this.ussd, this.popup(h("p", { class: "failed" }, said(answer)), sent)); return; }
    if (screen.failure) { replace(this.ussd, this.popup(h("p", { class: "failed" }, FAILURES[screen.failure]), sent)); return; }
    const full = h("span", { class: "meter", title: `${screen.octets} of ${OCTETS_MAX} octets` }, h("i"));
    full.firstChild.style.width = `${Math.min(100, (100 * screen.octets) / OCTETS_MAX)}%`;
    const facts = h("div", { class: "facts" }, ...codingBadges(screen.coding, 0), h("span", { class: "octets" }, `${screen.octets}/${OCTETS_MAX}`), full, h("span", { class: "muted" }, `${screen.elapsed_ms} ms`));
    replace(this.ussd, this.popup(h("p", { class: "text" }, screen.text || ""), sent, facts, screen.open ? this.reply() : null));
    if (screen.open) this.startCountdown();
  }

  popup(text, sent, ...rest) {
    return h("div", { class: "popup" }, h("div", { class: "popup-code" }, sent), text, ...rest.filter(Boolean),
      this.dialogueOpen ? null : h("button", { type: "button", class: "small", onclick: () => this.clearUssd() }, "OK"));
  }

  reply() {
    this.countdown = h("span", { class: "countdown", role: "timer", "aria-label": "Seconds left to answer" });
    this.countdownBar = h("i");
    const input = h("input", { class: "answer", inputmode: "numeric", "aria-label": "Answer", placeholder: "answer" });
    const form = h("form", { class: "reply", onsubmit: (event) => { event.preventDefault(); const text = input.value || this.typed; if (text) this.answer(text); } },
      input, h("button", { type: "submit", class: "primary small" }, "Send"), h("button", { type: "button", class: "small", onclick: () => this.hangUp() }, "Cancel"));
    return h("div", {}, form, h("div", { class: "session" }, h("span", { class: "meter" }, this.countdownBar), this.countdown));
  }

  startCountdown() {
    const total = timers.ussd_customer_s * 1000;
    const end = performance.now() + total;
    const tick = () => {
      const left = Math.max(0, end - performance.now());
      this.countdown.textContent = `${Math.ceil(left / 1000)} s`;
      this.countdownBar.style.width = `${(100 * left) / total}%`;
      if (left <= 0) { this.stopCountdown(); this.dialogueOpen = false; replace(this.ussd, this.popup(h("p", { class: "failed" }, "The network closed the session"), "")); }
    };
    tick();
    this.ticking = setInterval(tick, 250);
  }

  stopCountdown() { clearInterval(this.ticking); }

  clearUssd() { this.stopCountdown(); replace(this.ussd); this.root.classList.remove("in-dialogue"); }

  async hangUp() {
    this.typed = "";
    this.showTyped();
    const open = this.dialogueOpen || this.busy;
    this.dialogueOpen = false;
    this.clearUssd();
    if (open) await call("DELETE", `/sim/handsets/${this.msisdn}/dial`);
  }

  async sendSms() {
    const text = this.composeText.value;
    if (!text) return;
    const answer = await call("POST", `/sim/handsets/${this.msisdn}/sms`, { to: this.composeTo.value, text });
    if (!answer.ok) { toast(said(answer), "bad"); return; }
    this.composeText.value = "";
    this.showCost();
    toast(`SMS to ${answer.body.to}: ${answer.body.state}`, answer.body.state === "accepted" ? "good" : "warn");
  }

  // What the text costs, as the network's own code counts it; asked when the typing pauses.
  showCost() {
    clearTimeout(this.costTimer);
    const text = this.composeText.value;
    if (!text) { this.composeCost.textContent = ""; this.composeCost.title = ""; return; }
    this.costTimer = setTimeout(() => this.askCost(text), COST_PAUSE_MS);
  }

  async askCost(text) {
    const answer = await call("POST", "/sim/text-cost", { text });
    if (!answer.ok || text !== this.composeText.value) return;
    const price = answer.body;
    const dear = price.forced_by.length ? ` · because of ${price.forced_by.slice(0, 5).join(" ")}` : "";
    this.composeCost.textContent = `${price.units} ${price.coding === "ucs2" ? "UCS-2" : "GSM-7"} · ${price.segments} seg. · ${price.units_left} left${dear}`;
    this.composeCost.title = [
      price.doubled.length ? `count twice: ${price.doubled.join(" ")}` : "",
      price.translit_segments < price.segments ? `with letters rewritten: ${price.translit_segments} seg.` : "",
    ].filter(Boolean).join("; ");
  }

  async refreshInbox() {
    const answer = await call("GET", `/sim/handsets/${this.msisdn}/inbox`);
    if (!answer.ok) return;
    const fresh = answer.body.messages;
    if (fresh.length === this.messages.length && JSON.stringify(fresh) === JSON.stringify(this.messages)) return;
    const arrived = fresh.length > this.messages.length && this.messages.loaded;
    this.messages = fresh;
    this.messages.loaded = true;
    if (this.seen > fresh.length) this.seen = fresh.length;
    if (this.tab === "sms") this.seen = fresh.length;
    replace(this.inbox, ...fresh.map((message) => h("li", {},
      h("div", { class: "sms-head" }, h("b", {}, message.from), h("time", {}, shortStamp(message.received_at))),
      h("p", {}, message.text),
      h("div", { class: "facts" }, ...codingBadges(message.coding, message.segments)))),
      fresh.length ? null : h("li", { class: "empty muted" }, "No messages."));
    this.inbox.scrollTop = this.inbox.scrollHeight;
    if (arrived) { this.root.classList.remove("buzz"); void this.root.offsetWidth; this.root.classList.add("buzz"); }
    this.showUnread();
  }

  showUnread() {
    const count = this.messages.length - this.seen;
    this.unread.hidden = count <= 0;
    this.unread.textContent = count > 0 ? String(count) : "";
    this.unread.setAttribute("aria-label", `${count} unread`);
  }

  async refreshSubscriber() {
    const answer = await call("GET", `/sim/handsets/${this.msisdn}/subscriber`);
    const known = answer.ok ? answer.body.subscriber : undefined;
    this.join.hidden = known !== null;
    this.language.hidden = !known;
    if (!known) { this.member.textContent = known === null ? `${this.who} · unknown` : this.who; return; }
    this.language.value = known.language || "ru";
    const member = { active: "member", left: "left the programme", none: "not a member" }[known.membership] || known.membership || "";
    this.member.textContent = [this.who, member].filter(Boolean).join(" · ");
  }

  async subscribe() {
    let answer = await call("PUT", `/sim/handsets/${this.msisdn}/subscriber`, this.subscriber);
    if (!answer.ok && this.subscriber.tariff) answer = await call("PUT", `/sim/handsets/${this.msisdn}/subscriber`, { ...this.subscriber, tariff: undefined });
    toast(answer.ok ? `${pretty(this.msisdn)} is a subscriber now. Join with *100*2#` : said(answer), answer.ok ? "good" : "bad");
    await this.refreshSubscriber();
  }

  async setLanguage() {
    const answer = await call("PUT", `/sim/handsets/${this.msisdn}/subscriber`, { language: this.language.value });
    if (!answer.ok) toast(said(answer), "bad");
    await this.refreshSubscriber();
  }

  async refreshPower() {
    const answer = await call("GET", `/sim/handsets/${this.msisdn}/power`);
    if (answer.ok) this.showPower(answer.body.on);
  }

  async switchPower() {
    const answer = await call("PUT", `/sim/handsets/${this.msisdn}/power`, { on: !this.on });
    if (answer.ok) this.showPower(answer.body.on); else toast(said(answer), "bad");
  }

  showPower(on) {
    this.on = on;
    this.root.classList.toggle("off", !on);
    this.power.setAttribute("aria-pressed", String(on));
    this.power.setAttribute("aria-label", `Phone ${this.letter} is ${on ? "on" : "off"}`);
    if (!on) { this.dialogueOpen = false; this.clearUssd(); }
  }
}

function pretty(msisdn) {
  return `+${msisdn[0]} ${msisdn.slice(1, 4)} ${msisdn.slice(4, 7)}-${msisdn.slice(7, 9)}-${msisdn.slice(9)}`;
}

const phones = PEOPLE.map((person) => new Phone(person));

// Shops.

const orders = new Map();

async function buy(event) {
  event.preventDefault();
  const form = new FormData(event.target);
  const partner = form.get("partner");
  const order = { partner, order_id: `web-${Date.now().toString(36)}`, msisdn: form.get("msisdn"), goods: form.get("goods") };
  const body = { msisdn: order.msisdn, order_id: order.order_id, goods: order.goods, delivery: form.get("delivery"), channel: form.get("channel"), click: form.has("click") };
  settle(order, await call("POST", `/sim/shops/${partner}/orders`, body));
}

async function tell(order, event, body = {}) {
  settle(order, await call("POST", `/sim/shops/${order.partner}/orders/${order.order_id}/${event}`, body));
}

function settle(order, answer) {
  if (!answer.ok) { toast(said(answer), "bad"); return; }
  Object.assign(order, answer.body);
  orders.delete(order.order_id);
  orders.set(order.order_id, order);
  showOrders();
}

function showOrders() {
  const shown = [...orders.values()].reverse().slice(0, 30).map((order) => {
    const person = PEOPLE.find((one) => one.msisdn === order.msisdn);
    const kind = { pending: "warn", accrued: "good", credited: "good" }[order.state] || "bad";
    const act = (name, event, body) => h("button", { type: "button", class: "small", onclick: () => tell(order, event, body) }, name);
    const actions = order.state === "pending" ? [act("Confirm", "confirm"), act("Reject", "reject"), act("Return", "return")] : ["accrued", "credited"].includes(order.state) ? [act("Return", "return")] : [];
    return h("li", {},
      h("div", { class: "order-head" }, h("span", { class: `letter tiny ${person.letter}` }, person.letter), h("b", {}, order.partner), h("span", { class: "muted" }, `${order.goods} р`), badge(order.state, kind)),
      h("div", { class: "order-facts" }, order.reason ? h("span", { class: "reason" }, order.reason) : h("span", {}, `reward ${order.reward ?? "–"} р`), order.spendable_from ? h("span", { class: "muted" }, `from ${order.spendable_from}`) : null),
      actions.length ? h("div", { class: "buttons" }, ...actions) : null);
  });
  replace(document.getElementById("orders"), ...(shown.length ? shown : [h("li", { class: "muted empty" }, "Nothing bought yet.")]));
}

// Clock and links.

const refreshClock = coalesced(async () => {
  const answer = await call("GET", "/sim/clock");
  const face = document.getElementById("clock-time");
  const date = document.getElementById("clock-date");
  const manual = answer.ok;
  for (const button of document.querySelectorAll("[data-advance]")) button.disabled = !manual;
  if (manual) {
    now = answer.body.now;
    face.textContent = clockText(now);
    date.textContent = longDate(now);
  } else {
    now = null;
    const wall = new Date();
    face.textContent = wall.toTimeString().slice(0, 5);
    date.textContent = answer.status === 404 ? "the system's clock" : "the gateway does not answer";
  }
  for (const phone of phones) phone.time.textContent = face.textContent;
});

function target(step) {
  const p = parts(now);
  const zone = /(Z|[+-]\d\d:?\d\d)$/.exec(now)[0];
  const pad = (number) => String(number).padStart(2, "0");
  const day = new Date(Date.UTC(p.year, p.month - 1, p.day));
  const stamp = (date, hour) => `${date.getUTCFullYear()}-${pad(date.getUTCMonth() + 1)}-${pad(date.getUTCDate())}T${hour}:00:00${zone}`;
  if (step === "first") return { to: stamp(new Date(Date.UTC(p.year, p.month, 1)), "00") };
  if (step === "day") return { by: "P1D" };
  if (`${p.hour}${p.minute}` >= "0900") day.setUTCDate(day.getUTCDate() + 1);
  return { to: stamp(day, "09") };
}

async function advance(step) {
  if (!now) return;
  document.body.classList.add("advancing");
  const answer = await call("POST", "/sim/clock", target(step));
  document.body.classList.remove("advancing");
  if (answer.ok) toast(`The clock stands at ${clockText(answer.body.now)}, ${longDate(answer.body.now)}`, "good");
  else toast(said(answer), "bad");
  await refreshClock();
}

const refreshLinks = coalesced(async () => {
  const answer = await call("GET", "/sim/smsc/links");
  if (!answer.ok) return;
  const network = answer.body;
  timers = network.timers;
  serviceNumber = network.service_number;
  showLinkChip(network);
  const down = network.link !== "up";
  const toggle = document.getElementById("link-toggle");
  toggle.textContent = down ? "SMSC up" : "SMSC down";
  toggle.setAttribute("aria-pressed", String(down));
  toggle.classList.toggle("primary", down);
  document.getElementById("link-state").textContent = down ? network.link.replace("_", " ") : "up";
  document.getElementById("link-state").className = down ? "bad" : "good";
  document.getElementById("link-detail").textContent = network.links.length ? network.links.map((link) => link.name).join(", ") : "nobody is bound";
});

async function toggleLink() {
  const faults = await changeFaults((known) => { known.link = known.link === "up" ? "down" : "up"; });
  if (faults) toast(faults.link === "down" ? "The SMSC is down: messages wait at the gateway" : "The SMSC is up again", faults.link === "down" ? "warn" : "good");
  await refreshLinks();
}

// The three troubles people try first; the others are on the network page.

const TROUBLES = [
  { label: "Throttled", most: 100, step: 5, show: (value) => `${value} %`, get: (faults) => Math.round(100 * (faults.response.status.ESME_RTHROTTLED || 0)), set: (faults, value) => { faults.response.status.ESME_RTHROTTLED = value / 100; } },
  { label: "Answers lost", most: 100, step: 5, show: (value) => `${value} %`, get: (faults) => Math.round(100 * faults.response.drop), set: (faults, value) => { faults.response.drop = value / 100; } },
  { label: "Slow answers", most: 5000, step: 100, show: (value) => `${value} ms`, get: (faults) => faults.response.delay_ms[1], set: (faults, value) => { faults.response.delay_ms = [Math.round(value / 2), value]; } },
];

function buildTroubles() {
  const rows = TROUBLES.map((trouble) => {
    trouble.output = h("output", {}, trouble.show(0));
    trouble.slider = h("input", { type: "range", min: "0", max: String(trouble.most), step: String(trouble.step), value: "0",
      oninput: () => { trouble.output.textContent = trouble.show(Number(trouble.slider.value)); },
      onchange: () => changeFaults((faults) => trouble.set(faults, Number(trouble.slider.value))) });
    return h("label", { class: "slider" }, h("span", {}, trouble.label), trouble.slider, trouble.output);
  });
  replace(document.getElementById("sliders"), ...rows);
}

async function changeFaults(change) {
  const known = await call("GET", "/sim/faults");
  if (!known.ok) return null;
  change(known.body);
  const answer = await call("PUT", "/sim/faults", known.body);
  if (!answer.ok) toast(said(answer), "bad");
  return answer.ok ? answer.body : null;
}

const refreshFaults = coalesced(async () => {
  const known = await call("GET", "/sim/faults");
  if (!known.ok) return;
  for (const trouble of TROUBLES) {
    const value = Math.min(trouble.most, trouble.get(known.body));
    trouble.slider.value = String(value);
    trouble.output.textContent = trouble.show(value);
  }
});

// Trace.

const refreshTrace = coalesced(async () => {
  const body = document.getElementById("drawer-body");
  if (body.hidden) return;
  const after = Number(body.dataset.after || 0);
  const answer = await call("GET", `/sim/pdus?limit=100&after=${after}`);
  if (!answer.ok || !answer.body.items.length) return;
  body.dataset.after = answer.body.items[0].serial;
  body.prepend(...answer.body.items.filter((pdu) => !pdu.command.startsWith("enquire_link")).map(tracedRow));
  while (body.children.length > 200) body.lastChild.remove();
});

function toggleDrawer() {
  const body = document.getElementById("drawer-body");
  body.hidden = !body.hidden;
  document.getElementById("drawer").classList.toggle("open", !body.hidden);
  document.body.classList.toggle("with-drawer", !body.hidden);
  document.getElementById("drawer-toggle").setAttribute("aria-expanded", String(!body.hidden));
  refreshTrace();
}

const refreshInboxes = coalesced(async () => { await Promise.all(phones.map((phone) => phone.refreshInbox())); });
const refreshSubscribers = coalesced(async () => { await Promise.all(phones.map((phone) => phone.refreshSubscriber())); });
const refreshPower = coalesced(async () => { await Promise.all(phones.map((phone) => phone.refreshPower())); });

function start() {
  header();
  replace(document.getElementById("phones"), ...phones.map((phone) => phone.root));
  replace(document.getElementById("shop-partner"), ...SHOPS.map(([code, name]) => h("option", { value: code }, name)));
  replace(document.getElementById("shop-buyer"), ...PEOPLE.map((person) => h("option", { value: person.msisdn }, `${person.letter} · ${pretty(person.msisdn)} · ${person.who}`)));
  document.getElementById("shop-form").addEventListener("submit", buy);
  document.getElementById("link-toggle").addEventListener("click", toggleLink);
  document.getElementById("drawer-toggle").addEventListener("click", toggleDrawer);
  for (const button of document.querySelectorAll("[data-advance]")) button.addEventListener("click", () => advance(button.dataset.advance));
  buildTroubles();
  for (const phone of phones) phone.showTyped();
  const hello = document.getElementById("hello");
  hello.open = localStorage.getItem("hello") !== "closed";
  hello.addEventListener("toggle", () => localStorage.setItem("hello", hello.open ? "open" : "closed"));
  onChange((kinds) => {
    if (kinds.has("messages") || kinds.has("handsets")) refreshInboxes();
    if (kinds.has("links") || kinds.has("faults")) refreshLinks();
    if (kinds.has("faults")) refreshFaults();
    if (kinds.has("clock") || kinds.has("messages")) refreshClock();
    if (kinds.has("handsets")) refreshPower();
    if (kinds.has("dialogues") || kinds.has("messages") || kinds.has("links")) refreshSubscribers();
    refreshTrace();
  });
  setInterval(refreshClock, 15000);
}

start();
