"""One file per OCPP action. `routing.py` finds them by what they declare:

`INBOUND = Inbound("Heartbeat", handle)`
    a Call that charge points send, and the function that answers it;
`OUTBOUND = Outbound("Reset")`
    a Call that people may have sent to a charge point.
"""
