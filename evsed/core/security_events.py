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


WORDS = {
    SecurityKind.FIRMWARE_UPDATED: "another program was installed",
    SecurityKind.REFUSED_BY_CENTRAL: "the central system does not accept how this box proves who it is",
    SecurityKind.CENTRAL_REFUSED: "the central system does not prove who it is",
    SecurityKind.TIME_SET: "the clock was set",
    SecurityKind.STARTED: "the box started",
    SecurityKind.RESET: "the box was reset",
    SecurityKind.LOG_CLEARED: "the security log begins anew",
    SecurityKind.RECONFIGURED: "how the box is secured was changed",
    SecurityKind.MEMORY_EXHAUSTED: "there is no room left",
    SecurityKind.INVALID_MESSAGES: "what came is no message of OCPP",
    SecurityKind.REPLAYED: "a message came that had come before",
    SecurityKind.TAMPERED: "the enclosure was opened",
    SecurityKind.FIRMWARE_SIGNATURE: "the signature of a program is not right",
    SecurityKind.FIRMWARE_CERTIFICATE: "the certificate of who signed a program is not right",
    SecurityKind.CENTRAL_CERTIFICATE: "a certificate of the central system is not right",
    SecurityKind.STATION_CERTIFICATE: "a certificate for this box is not right",
    SecurityKind.TLS_VERSION: "the central system offers only TLS that is too old",
    SecurityKind.TLS_CIPHERS: "the central system offers only TLS that is too weak",
}
"""What the log says of each: the names are for central systems."""


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
