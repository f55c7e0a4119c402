// An SMSC on node's smpp: accepts each text, prints it, and sends a receipt of Appendix B.
const smpp = require("smpp");
const [port] = process.argv.slice(2).map(Number);
let number = 0;
const server = smpp.createServer({}, (session) => {
  session.on("error", () => session.close());
  session.on("bind_transceiver", (pdu) => session.send(pdu.response({ system_id: "NODE" })));
  session.on("enquire_link", (pdu) => session.send(pdu.response()));
  session.on("unbind", (pdu) => {
    session.send(pdu.response());
    session.close();
  });
  session.on("submit_sm", (pdu) => {
    number += 1;
    const id = `node-${number}`;
    console.log(pdu.short_message.message);
    session.send(pdu.response({ message_id: id }));
    session.deliver_sm({
      source_addr: pdu.destination_addr,
      source_addr_ton: 1,
      source_addr_npi: 1,
      destination_addr: pdu.source_addr,
      dest_addr_ton: 5,
      esm_class: 4,
      short_message: `id:${id} sub:001 dlvrd:001 submit date:2503031200 done date:2503031200 stat:DELIVRD err:000 text:`,
    });
  });
});
server.listen(port, "127.0.0.1", () => console.log("ready"));
