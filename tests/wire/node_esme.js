// An ESME on node's smpp: binds, submits one text, waits for its receipt, prints what it saw as one JSON line.
const smpp = require("smpp");
const [port, systemId, password] = process.argv.slice(2);
const seen = { bind: null, messageId: null, receipt: null };
const session = smpp.connect({ url: `smpp://127.0.0.1:${port}` }, () => {
  session.bind_transceiver({ system_id: systemId, password }, (bound) => {
    seen.bind = bound.command_status;
    session.submit_sm(
      {
        source_addr: "NODE",
        source_addr_ton: 5,
        destination_addr: "79160000042",
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        registered_delivery: 1,
        short_message: "Привет из node",
      },
      (accepted) => {
        seen.messageId = accepted.message_id;
      },
    );
  });
});
session.on("deliver_sm", (pdu) => {
  session.send(pdu.response());
  seen.receipt = pdu.short_message.message;
  session.unbind(() => {
    console.log(JSON.stringify(seen));
    process.exit(0);
  });
});
session.on("error", (error) => {
  console.error(String(error));
  process.exit(1);
});
setTimeout(() => {
  console.log(JSON.stringify(seen));
  process.exit(2);
}, 15000);
