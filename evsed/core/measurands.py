"""The lists of measurands, a part of `catalogue.py`: what is sent of the meters, and when.

A word of such a list is a measurand, which stands for all that is measured of it (OCPP 1.6 §3.16.3), or one phase of it
alone, such as Voltage.L1 (§9.1.17). Which phases there are to ask for is what the meters that hal reads can tell apart:
nobody measures a neutral conductor here, nor between two phases, and what is offered is no measured value (§4.7).
"""

from __future__ import annotations

from evsed.core.variables import LIST, Variable
from evsed.core.words import Measurand

# As the meter counts them, whatever the rotation of the connector is (OCPP 1.6 §4.7).
PHASES = ("L1", "L2", "L3")
TO_NEUTRAL = tuple(f"{phase}-N" for phase in PHASES)

PHASED = {
    Measurand.POWER_IMPORT: PHASES,
    Measurand.CURRENT_IMPORT: PHASES,
    Measurand.VOLTAGE: (*PHASES, *TO_NEUTRAL),  # both say the same of it, and either is what it is told under
}
PAIRS = {f"{measurand}.{phase}": (measurand, phase) for measurand, phases in PHASED.items() for phase in phases}
WORDS = (*(str(measurand) for measurand in Measurand), *PAIRS)


def _list(component: str, name: str, key16: str, default: tuple[str, ...], help: str) -> Variable[tuple[str, ...]]:
    return Variable(
        component=component,
        name=name,
        key16=key16,
        kind=LIST,
        choices=WORDS,
        most=len(WORDS),
        default=default,
        help=help,
    )


ALIGNED = _list(
    "AlignedDataCtrlr",
    "Measurands",
    "MeterValuesAlignedData",
    ("Energy.Active.Import.Register", "Power.Active.Import"),
    "What is sent at each clock-aligned interval.",
)
ALIGNED_ENDED = _list(
    "AlignedDataCtrlr",
    "TxEndedMeasurands",
    "StopTxnAlignedData",
    (),
    "Clock-aligned values that the end of a transaction carries.",
)
SAMPLED = _list(
    "SampledDataCtrlr",
    "TxUpdatedMeasurands",
    "MeterValuesSampledData",
    (
        "Energy.Active.Import.Register",
        "Power.Active.Import",
        "Current.Import",
        "Voltage",
        "Current.Offered",
        "Power.Offered",
    ),
    "What is sent at each interval within a transaction.",
)
SAMPLED_ENDED = _list(
    "SampledDataCtrlr",
    "TxEndedMeasurands",
    "StopTxnSampledData",
    (),
    "Sampled values that the end of a transaction carries.",
)
LISTS = (ALIGNED, ALIGNED_ENDED, SAMPLED, SAMPLED_ENDED)
