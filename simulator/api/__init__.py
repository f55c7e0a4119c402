"""The HTTP of the simulator: what interface.md lists, and the few calls its own pages need besides."""
