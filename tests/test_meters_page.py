"""The meters page says what is so: its table is made from the tables of the meters.

`python -m tests.test_meters_page` writes it anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hal.drivers.meter_model import Model, Values, known_models, load_model

PAGE = Path(__file__).resolve().parent.parent / "docs" / "meters.md"
BEGIN, END = "<!-- models -->\n", "<!-- end of models -->"
SHOWN = {
    "current_ma": "A",
    "voltage_mv": "V",
    "phase_power_w": "W of each phase",
    "frequency_mhz": "Hz",
    "power_factor_permille": "power factor",
    "export_wh": "export",
}


def table() -> str:
    rows = [
        "| `model` | meters | | line of the factory | shows, beside power and energy | to be known |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in known_models():
        model = load_model(name)
        maker = model.name.rpartition(" ")[0]
        meters = f"{maker} {', '.join(model.covers)}".strip()
        columns = (f"`{name}`", meters, "beta" if model.beta else "", _line(model), _shows(model.values), model.note)
        rows.append(f"| {' | '.join(columns)} |")
    return "\n".join(rows) + "\n"


def _line(model: Model) -> str:
    return f"{model.factory.baud} 8{model.factory.parity}1"


def _shows(values: Values) -> str:
    seen = [text for name, text in SHOWN.items() if getattr(values, name) is not None]
    phases = values.voltage_mv or values.current_ma
    if phases is None:
        return "sums only" + "".join(f", {text}" for text in seen)
    return f"{len(phases.at)} phase{'s' * (len(phases.at) > 1)}: {', '.join(seen)}"


def page(text: str) -> str:
    """The page with its table as it is today."""
    return text[: text.index(BEGIN) + len(BEGIN)] + table() + text[text.index(END) :]


def test_the_table_is_of_today() -> None:
    text = PAGE.read_text()
    assert text == page(text), "write it anew: python -m tests.test_meters_page"


if __name__ == "__main__":
    sys.exit(PAGE.write_text(page(PAGE.read_text())) and None)
