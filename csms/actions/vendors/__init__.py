"""One file per vendor whose DataTransfer messages are understood.

Each declares `VENDOR = Vendor("org.example", {"MessageId": handle})`; `registry.py` finds them.
"""
