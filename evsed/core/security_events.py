"""What can happen to the security of the station, in words that all versions of OCPP share."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from evsed.core.words import Stamp


class SecurityKind(StrEnum):
    """The security events of OCPP: 1.6 security whitepaper §8, 2.x appendix 1. The spelling is that of 2.x."""

    FIRMWARE_UPDATED = "FirmwareUpdated"
    REFUSED_BY_CENTRAL = "FailedToAuthenticateAtCsms"
    CENTRAL_REFUSED = "CsmsFailedToAuthenticate"
    TIME_SET = "SettingSystemTime"
    STARTED = "StartupOfTheDevice"
    RESET = "ResetOrReboot"
    LOG_CLEARED = "SecurityLogWasCleared"
    RECONFIGURED = "ReconfigurationOfSecurityParameters"
    MEMORY_EXHAUSTED = "MemoryExhaustion"
    INVALID_MESSAGES = "InvalidMessages"
    REPLAYED = "AttemptedReplayAttacks"
    TAMPERED = "TamperDetectionActivated"
    FIRMWARE_SIGNATURE = "InvalidFirmwareSignature"
    FIRMWARE_CERTIFICATE = "InvalidFirmwareSigningCertificate"
    CENTRAL_CERTIFICATE = "InvalidCsmsCertificate"
    STATION_CERTIFICATE = "InvalidChargingStationCertificate"
    TLS_VERSION = "InvalidTLSVersion"
    TLS_CIPHERS = "InvalidTLSCipherSuite"


class SecurityNoticed(Struct, frozen=True):
    """Event: something outside the core saw it. `info` holds no secret."""

    kind: SecurityKind
    info: str = ""


class SecurityNoted(Struct, frozen=True):
    """Report: the central system must hear of it. A `critical` one is kept until it did."""

    kind: SecurityKind
    at: Stamp
    info: str
    critical: bool


class SecurityEntry(Struct, frozen=True):
    """Record: a line of the security log."""

    id: str
    kind: SecurityKind
    at: Stamp
    info: str

    @property
    def key(self) -> str:
        """Its id."""
        return self.id
