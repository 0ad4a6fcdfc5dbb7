"""OCPP-J 1.6 without I/O: frames, the session of one socket, payload checks, tolerated quirks.

Nothing here reads a clock, a socket or a database, so both ends of a connection can use it:
the central system and the simulated charge points do.
"""
