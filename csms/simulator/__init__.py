"""Simulated OCPP 1.6J charge points for demos and trials (`csms simulate`).

    options.py        what the command line says
    fleet.py          starts, watches and stops the charge points
    whitelisting.py   creates their records through the admin REST first, when asked to
    console.py        what the person at the terminal sees
    charge_point.py   one charge point: what it is made of, and its life
    uplink.py         connect, boot, reconnect; heartbeat.py keeps it known
    commands.py       what it answers to the central system
    charging.py       one charging session, from the plug to the unplug
    outbox.py, link.py, endpoint.py   its messages, its socket, where it connects to
    hardware.py, configuration.py, connector.py, vehicle.py, metering.py   pure: what it is
    clock.py          time, which tests replace

It talks to a central system from outside, and shares only the protocol's frames and checks with it.
"""
