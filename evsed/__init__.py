"""The process that talks: OCPP station, journal, people. It never sees a pin."""

__version__ = "0.1.0"
