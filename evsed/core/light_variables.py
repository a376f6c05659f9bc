"""The variables of the lights, a part of `catalogue.py`."""

from __future__ import annotations

from evsed.core.variables import INT, Variable

LIGHT_INTENSITY = Variable(
    component="BeaconLighting",
    name="Percent",
    key16="LightIntensity",
    kind=INT,
    unit="%",
    default=100,
    low=0,
    high=100,
    help="How bright the lights of the outlets are; a fault, and a box without evsed, shines with all it has.",
)
BLINK_REPEAT = Variable(
    component="BeaconLighting",
    name="BlinkRepeat",
    key16="BlinkRepeat",
    kind=INT,
    default=3,
    low=0,
    high=100,
    help="How often the light of an outlet blinks when a card is accepted or refused.",
)
