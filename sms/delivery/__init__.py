"""The parts of dispatcher and inbound door: pacing, lines, messages in flight, the journal of what came of them."""
