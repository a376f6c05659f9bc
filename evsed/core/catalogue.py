"""Every variable of the station, declared once. Each writable one is obeyed by code that names it.

Names are those of the OCPP device model; `key16` is the name that OCPP 1.6 gives the same thing.
"""

from __future__ import annotations

from typing import Any

from evsed.core import capacities, light_variables, measurands, security_variables, wear_variables
from evsed.core.capacities import length_of
from evsed.core.phase_rotation import CONNECTORS, ROTATION
from evsed.core.variables import BOOL, INT, LIST, Variable

DAY_S = 86_400

# --- authorization -------------------------------------------------------------------------------------------
AUTHORIZE_REMOTE_START = Variable(
    component="AuthCtrlr",
    name="AuthorizeRemoteStart",
    key16="AuthorizeRemoteTxRequests",
    kind=BOOL,
    default=False,
    help="A remote start asks for authorization first, as if the card had been shown.",
)
LOCAL_AUTHORIZE_OFFLINE = Variable(
    component="AuthCtrlr",
    name="LocalAuthorizeOffline",
    key16="LocalAuthorizeOffline",
    kind=BOOL,
    default=True,
    help="Without a connection, cards known as accepted may charge.",
)
LOCAL_PRE_AUTHORIZE = Variable(
    component="AuthCtrlr",
    name="LocalPreAuthorize",
    key16="LocalPreAuthorize",
    kind=BOOL,
    default=False,
    help="Cards known as accepted start at once, without waiting for the central system.",
)
OFFLINE_TX_FOR_UNKNOWN = Variable(
    component="AuthCtrlr",
    name="OfflineTxForUnknownIdEnabled",
    key16="AllowOfflineTxForUnknownId",
    kind=BOOL,
    default=False,
    help="Without a connection, any card may charge that is not known as refused or expired.",
)
AUTH_CACHE_ENABLED = Variable(
    component="AuthCacheCtrlr",
    name="Enabled",
    key16="AuthorizationCacheEnabled",
    kind=BOOL,
    default=True,
    help="Remember what the central system said of cards.",
)
AUTH_CACHE_LIFE = Variable(
    component="AuthCacheCtrlr",
    name="LifeTime",
    key16="AuthorizationCacheLifeTime",
    kind=INT,
    unit="s",
    default=90 * DAY_S,
    low=0,
    high=3_650 * DAY_S,
    help="How long what the central system said of a card counts after it was last said; 0 = for ever.",
)
LOCAL_LIST_ENABLED = Variable(
    component="LocalAuthListCtrlr",
    name="Enabled",
    key16="LocalAuthListEnabled",
    kind=BOOL,
    default=True,
    help="Take and obey the list of cards that the central system sends.",
)

RESERVATION_ENABLED = Variable(
    component="ReservationCtrlr",
    name="Enabled",
    key16="ReservationEnabled",
    kind=BOOL,
    default=True,
    help="The central system may reserve outlets.",
)

# --- transactions --------------------------------------------------------------------------------------------
EV_CONNECTION_TIMEOUT = Variable(
    component="TxCtrlr",
    name="EVConnectionTimeOut",
    key16="ConnectionTimeOut",
    kind=INT,
    unit="s",
    default=60,
    low=1,
    high=3600,
    help="How long a shown card waits for its cable.",
)
MAX_ENERGY_ON_INVALID = Variable(
    component="TxCtrlr",
    name="MaxEnergyOnInvalidId",
    key16="MaxEnergyOnInvalidId",
    kind=INT,
    unit="Wh",
    default=0,
    low=0,
    high=1_000_000,
    help="Energy that may still flow after the central system refused the card of a running transaction.",
)
STOP_ON_EV_DISCONNECT = Variable(
    component="TxCtrlr",
    name="StopTxOnEVSideDisconnect",
    key16="StopTransactionOnEVSideDisconnect",
    kind=BOOL,
    default=True,
    help="A cable pulled out of the car ends the transaction.",
)
STOP_ON_INVALID = Variable(
    component="TxCtrlr",
    name="StopTxOnInvalidId",
    key16="StopTransactionOnInvalidId",
    kind=BOOL,
    default=True,
    help="A transaction whose card is refused later ends; false only stops its energy.",
)
RESUME_AFTER_POWER_LOSS = Variable(
    component="TxCtrlr",
    name="ResumeAfterPowerLoss",
    key16="ResumeAfterPowerLoss",
    kind=BOOL,
    default=True,
    help="A transaction goes on after a power cut if its car is still plugged in; false ends it.",
)
MOST_UNMETERED = Variable(
    component="TxCtrlr",
    name="MaxTimeWithoutMeter",
    key16="MaxTimeWithoutMeter",
    kind=INT,
    unit="s",
    default=0,
    low=0,
    high=DAY_S,
    help="How long a transaction goes on while its meter is silent or not believed, before it ends with the register "
    "that was known last; 0 = for ever.",
)
UNLOCK_ON_EV_DISCONNECT = Variable(
    component="OCPPCommCtrlr",
    name="UnlockOnEVSideDisconnect",
    key16="UnlockConnectorOnEVSideDisconnect",
    kind=BOOL,
    default=True,
    help="A cable pulled out of the car is unlocked at the box.",
)

# --- metering ------------------------------------------------------------------------------------------------
ALIGNED_INTERVAL = Variable(
    component="AlignedDataCtrlr",
    name="Interval",
    key16="ClockAlignedDataInterval",
    kind=INT,
    unit="s",
    default=900,
    low=0,
    high=DAY_S,
    help="Clock-aligned meter interval; 0 switches it off.",
)
SAMPLED_INTERVAL = Variable(
    component="SampledDataCtrlr",
    name="TxUpdatedInterval",
    key16="MeterValueSampleInterval",
    kind=INT,
    unit="s",
    default=60,
    low=0,
    high=DAY_S,
    help="Meter interval within a transaction; 0 switches it off.",
)
TX_ENDED_MOST_SETS = Variable(
    component="SampledDataCtrlr",
    name="TxEndedMaxMeterValues",
    key16="StopTransactionMaxMeterValues",
    kind=INT,
    default=50,
    low=2,
    high=1000,
    writable=False,
    help="More samples than this are thinned at the end of a transaction; first and last always stay.",
)

# --- the link ------------------------------------------------------------------------------------------------
HEARTBEAT_INTERVAL = Variable(
    component="OCPPCommCtrlr",
    name="HeartbeatInterval",
    key16="HeartbeatInterval",
    kind=INT,
    unit="s",
    default=300,
    low=1,
    high=7 * DAY_S,
    help="A heartbeat is sent after this long without another message.",
)
MESSAGE_TIMEOUT = Variable(
    component="OCPPCommCtrlr",
    name="MessageTimeout",
    key16="MessageTimeout",
    kind=INT,
    unit="s",
    default=30,
    low=1,
    high=600,
    help="How long an answer is waited for.",
)
MESSAGE_ATTEMPTS = Variable(
    component="OCPPCommCtrlr",
    name="MessageAttempts",
    key16="TransactionMessageAttempts",
    kind=INT,
    default=5,
    low=1,
    high=1000,
    help="How often a transaction message is tried while the central system fails to process it.",
)
MESSAGE_ATTEMPT_INTERVAL = Variable(
    component="OCPPCommCtrlr",
    name="MessageAttemptInterval",
    key16="TransactionMessageRetryInterval",
    kind=INT,
    unit="s",
    default=60,
    low=0,
    high=DAY_S,
    help="The wait before a transaction message is tried again, times the tries it already had.",
)
MINIMUM_STATUS_DURATION = Variable(
    component="OCPPCommCtrlr",
    name="MinimumStatusDuration",
    key16="MinimumStatusDuration",
    kind=INT,
    unit="s",
    default=0,
    low=0,
    high=3600,
    help="A status is reported once it has lasted this long.",
)
PING_INTERVAL = Variable(
    component="OCPPCommCtrlr",
    name="WebSocketPingInterval",
    key16="WebSocketPingInterval",
    kind=INT,
    unit="s",
    default=30,
    low=0,
    high=3600,
    help="How often the connection is probed; 0 = not.",
)
RESET_RETRIES = Variable(
    component="OCPPCommCtrlr",
    name="ResetRetries",
    key16="ResetRetries",
    kind=INT,
    default=1,
    low=0,
    high=10,
    help="How often a reset waits once more for outlets that do not come to rest.",
)

# --- what this box is ----------------------------------------------------------------------------------------

PHASE_ROTATION = Variable(
    component="ChargingStation",
    name="PhaseRotation",
    key16="ConnectorPhaseRotation",
    kind=ROTATION,
    default=(),
    most=len(CONNECTORS),
    informs=True,  # phases are reported as the meter counts them, whatever the rotation (OCPP 1.6 §4.7)
    help="How each outlet's meter is wired to the phases of the grid; kept for central systems that balance by it.",
)
NUMBER_OF_CONNECTORS = Variable(
    component="ChargingStation",
    name="NumberOfConnectors",
    key16="NumberOfConnectors",
    kind=INT,
    default=1,
    writable=False,
    help="Outlets of the board.",
)
SUPPORTED_PROFILES = Variable(
    component="ChargingStation",
    name="SupportedFeatureProfiles",
    key16="SupportedFeatureProfiles",
    kind=LIST,
    default=("Core", "FirmwareManagement", "LocalAuthListManagement", "Reservation", "SmartCharging", "RemoteTrigger"),
    most=6,
    writable=False,
    help="OCPP 1.6 profiles that this station has.",
)
RATE_UNITS = Variable(
    component="SmartChargingCtrlr",
    name="RateUnit",
    key16="ChargingScheduleAllowedChargingRateUnit",
    kind=LIST,
    default=("Current", "Power"),
    writable=False,
    help="The quantities that charging schedules may limit: Current is in amperes, Power in watts.",
)
SWITCHES_PHASES = Variable(
    component="SmartChargingCtrlr",
    name="Phases3to1",
    key16="ConnectorSwitch3to1PhaseSupported",
    kind=BOOL,
    default=False,
    writable=False,
    help="Whether a charge can go from three phases to one.",
)
LIST_LENGTHS = tuple(
    length_of(variable)
    for variable in (
        measurands.ALIGNED,
        measurands.SAMPLED,
        measurands.ALIGNED_ENDED,
        measurands.SAMPLED_ENDED,
        PHASE_ROTATION,
        SUPPORTED_PROFILES,
    )
)

ALL: tuple[Variable[Any], ...] = (
    *(
        value
        for room in (
            globals(),
            *map(vars, (capacities, light_variables, measurands, security_variables, wear_variables)),
        )
        for value in room.values()
        if isinstance(value, Variable)
    ),
    *LIST_LENGTHS,
)
_BY_PATH = {variable.path.casefold(): variable for variable in ALL}
_BY_KEY16 = {variable.key16.casefold(): variable for variable in ALL if variable.key16}


def by_path(path: str) -> Variable[Any] | None:
    """A variable by "Component.Name", without regard to case."""
    return _BY_PATH.get(path.casefold())


def by_key16(key: str) -> Variable[Any] | None:
    """A variable by its OCPP 1.6 key, without regard to case."""
    return _BY_KEY16.get(key.casefold())


def all_with_key16() -> tuple[Variable[Any], ...]:
    """All that OCPP 1.6 can see."""
    return tuple(variable for variable in ALL if variable.key16)
