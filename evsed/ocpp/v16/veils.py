"""What an uploaded trace tells of each field of OCPP 1.6; a test holds the official schemas against it."""

from __future__ import annotations

from evsed.core.catalogue import by_key16
from evsed.ocpp.veils import Veil, Veils

_HOLDS = """
    certificateHashData chargingProfile chargingSchedule chargingSchedulePeriod configurationKey csChargingProfiles
    firmware idTagInfo localAuthorizationList log meterValue sampledValue transactionData
"""
_OPEN = """
    certificateType chargeBoxSerialNumber chargePointModel chargePointSerialNumber chargePointVendor chargingProfileId
    chargingProfileKind chargingProfilePurpose chargingRateUnit connectorId context currentTime duration errorCode
    expiryDate fileName filename firmwareVersion format hashAlgorithm id info installDateTime interval issuerKeyHash
    issuerNameHash key latestTimestamp limit listVersion logType measurand messageId meterSerialNumber meterStart
    meterStop meterType minChargingRate numberPhases oldestTimestamp phase readonly reason recurrencyKind
    requestedMessage requestId reservationId retries retrieveDate retrieveDateTime retryInterval
    scheduleStart serialNumber stackLevel startPeriod startSchedule startTime status stopTime techInfo timestamp
    transactionId type unit unknownKey updateType validFrom validTo vendorErrorCode vendorId
"""
_OTHERS = {
    Veil.SETTING: "value",
    Veil.ADDRESS: "location remoteLocation",
    Veil.CARD: "idTag parentIdTag iccid imsi",  # the SIM is as personal as a card
    Veil.DIGEST: "certificate certificateChain csr signature signingCertificate",
    Veil.CLOSED: "data",  # of any vendor: only the vendor knows what is in it
}
FIELDS = {
    name: veil for veil, names in {Veil.HOLDS: _HOLDS, Veil.OPEN: _OPEN, **_OTHERS}.items() for name in names.split()
}
WITHIN = {"sampledValue": {"value": Veil.NUMBER, "location": Veil.OPEN}}


def tells(key: str) -> bool:
    """Whether the value of a configuration key may be told: a key that is not known may be a secret."""
    variable = by_key16(key)
    return variable is not None and not variable.secret


VEILS = Veils(FIELDS, WITHIN, tells)
