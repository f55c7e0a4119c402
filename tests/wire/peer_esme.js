// An ESME on node's smpp: submits COUNT texts, ten at once, takes their receipts, prints ids as one JSON line.
const smpp = require("smpp");
const [port, count] = process.argv.slice(2).map(Number);
const AT_ONCE = 10;
const seen = { accepted: [], receipted: [], states: [] };
let next = 0;
const session = smpp.connect({ url: `smpp://127.0.0.1:${port}`, noDelay: true }, () => {
  session.bind_transceiver({ system_id: "demo", password: "demo" }, (bound) => {
    if (bound.command_status !== 0) process.exit(3);
    for (let at = 0; at < AT_ONCE; at += 1) submit();
  });
});

function submit() {
  if (next >= count) return;
  next += 1;
  session.submit_sm(
    {
      source_addr: "NODE",
      source_addr_ton: 5,
      destination_addr: String(79160000000 + next),
      dest_addr_ton: 1,
      dest_addr_npi: 1,
      registered_delivery: 1,
      short_message: `Привет ${next}`,
    },
    (answer) => {
      if (answer.command_status === 0) seen.accepted.push(answer.message_id);
      submit();
      finish();
    },
  );
}

function finish() {
  if (seen.accepted.length !== count || seen.receipted.length !== count) return;
  session.unbind(() => {
    console.log(JSON.stringify(seen));
    process.exit(0);
  });
}

session.on("deliver_sm", (pdu) => {
  session.send(pdu.response());
  seen.receipted.push(pdu.receipted_message_id);
  seen.states.push(pdu.message_state);
  finish();
});
session.on("error", (error) => {
  console.error(String(error));
  process.exit(1);
});
setTimeout(() => {
  console.log(JSON.stringify(seen));
  process.exit(2);
}, 120000);
