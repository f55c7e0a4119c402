"""SMS over SMPP: wire codec and sessions, text coding, outbox, dispatcher, receipts."""
