// The peer of B2: an SMSC on npm's smpp, as its README shows it. Receipts when they are asked for.
const smpp = require("smpp");

let number = 0;
const server = smpp.createServer({}, (session) => {
  session.on("error", () => {});
  session.on("bind_transceiver", (pdu) => session.send(pdu.response({ system_id: "node" })));
  session.on("enquire_link", (pdu) => session.send(pdu.response()));
  session.on("unbind", (pdu) => { session.send(pdu.response()); session.close(); });
  session.on("submit_sm", (pdu) => {
    const id = String(++number);
    session.send(pdu.response({ message_id: id }));
    if (pdu.registered_delivery & 1) {
      session.deliver_sm({
        source_addr: pdu.destination_addr,
        destination_addr: pdu.source_addr,
        esm_class: 4,
        short_message: `id:${id} sub:001 dlvrd:001 submit date:2503031200 done date:2503031200 stat:DELIVRD err:000 text:`,
        receipted_message_id: id,
        message_state: 2,
      });
    }
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"));
