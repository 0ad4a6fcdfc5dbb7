"""csms: an OCPP 1.6J central system for fleets of EV chargers."""

__version__ = "0.3.0"
