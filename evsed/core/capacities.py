"""Variables that say how much this station takes, and what. Central systems read them; nobody writes them."""

from __future__ import annotations

from evsed.core.variables import BOOL, INT, LIST, Variable


def _most(component: str, name: str, key16: str, most: int, help: str) -> Variable[int]:
    return Variable(component=component, name=name, key16=key16, kind=INT, default=most, writable=False, help=help)


def length_of(items: Variable[tuple[str, ...]]) -> Variable[int]:
    """How many items a list variable may have (OCPP 1.6 §9.1: the keys that end in MaxLength)."""
    assert items.most is not None
    key16 = f"{items.key16}MaxLength"
    return _most(
        items.component, f"{items.name}MaxLength", key16, items.most, f"How many items {items.key16} may have."
    )


ITEMS_PER_GET = _most(
    "DeviceDataCtrlr", "ItemsPerMessage", "GetConfigurationMaxKeys", 100, "How many keys one request may ask for."
)
LIST_ENTRIES = _most(
    "LocalAuthListCtrlr",
    "Entries",
    "LocalAuthListMaxLength",
    1_000,
    "How many cards the central system's list may have.",
)
LIST_ITEMS = _most(
    "LocalAuthListCtrlr",
    "ItemsPerMessage",
    "SendLocalListMaxLength",
    LIST_ENTRIES.default,  # many central systems can't send a list in parts
    "How many cards one message of the central system may list.",
)
PROFILE_LEVEL = _most(
    "SmartChargingCtrlr",
    "ProfileStackLevel",
    "ChargeProfileMaxStackLevel",
    99,
    "The highest level of a charging profile; 0 is the lowest.",
)
PROFILES_INSTALLED = _most(
    "SmartChargingCtrlr",
    "Entries",
    "MaxChargingProfilesInstalled",
    100,
    "How many charging profiles may be installed.",
)
SCHEDULE_PERIODS = _most(
    "SmartChargingCtrlr",
    "PeriodsPerSchedule",
    "ChargingScheduleMaxPeriods",
    672,
    "How many periods a charging schedule may have.",
)
RESERVE_ZERO = Variable(
    component="ReservationCtrlr",
    name="NonEvseSpecific",
    key16="ReserveConnectorZeroSupported",
    kind=BOOL,
    default=True,
    writable=False,
    help="Whether any one of the outlets can be reserved, without saying which.",
)
FILE_PROTOCOLS = Variable(
    component="OCPPCommCtrlr",
    name="FileTransferProtocols",
    key16="SupportedFileTransferProtocols",
    kind=LIST,
    default=("FTP", "FTPS", "HTTP", "HTTPS"),
    writable=False,
    help="How firmware may come and logs may go.",
)
