"""`firstcharge demo`: two processes on loopback, a catalogue, and a story told through the two HTTP contracts.

Nothing here knows the inside of the gateway or of the simulator: it is their first user.
"""
