"""A simulated meter as a process of its own, for benches: `python -m hal.sim.meter_slave --model sdm630 --baud 9600`.

Prints the path of its pseudo-terminal and answers there until its input ends or it is told to stop.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from threading import Thread

from hal.bus import monotonic_ms
from hal.drivers.meter_model import ModelError, known_models, load_model
from hal.sim.battery import PJ_PER_WH
from hal.sim.grid import NOMINAL_MV
from hal.sim.meter import START_WH, Flow, MeterFault, SimMeter, power_uw
from hal.sim.pty_line import PtyLine
from hal.sim.rtu_slave import RtuSlave

BAUDS = (1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 57_600, 115_200)


class SteadyLoad:
    """A three-phase load that never changes, on the machine's clock."""

    def __init__(self, ma: int) -> None:
        self._ma = ma
        self._since_ms = monotonic_ms()

    def flow(self) -> Flow:
        """What has flowed since the start."""
        counted_pj = 3 * power_uw(NOMINAL_MV, self._ma) * (monotonic_ms() - self._since_ms) * 1_000
        volts, amps = (NOMINAL_MV,) * 3, (self._ma,) * 3
        return Flow(START_WH * PJ_PER_WH + counted_pj, volts, amps)


def main(arguments: list[str] | None = None) -> int:
    """Serve until stdin ends. Gives the exit code."""
    options = _parser().parse_args(arguments)
    meter = SimMeter(SteadyLoad(options.ma).flow)
    for name in options.fault:
        meter.fault(MeterFault(name), on=True)
    try:
        line = PtyLine(RtuSlave(meter, load_model(options.model), options.address).hear, options.baud)
    except ModelError as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 2
    sys.stdout.write(f"{line.path}\n")
    sys.stdout.flush()
    Thread(target=line.serve, daemon=True).start()
    with suppress(KeyboardInterrupt):
        sys.stdin.read()
    line.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hal.sim.meter_slave", description="A simulated Modbus meter.")
    parser.add_argument("--model", default="sdm630", help=f"one of: {', '.join(known_models())}")
    parser.add_argument("--address", type=int, default=1, choices=range(1, 248), metavar="1..247")
    parser.add_argument("--baud", type=int, choices=BAUDS, help="send as slowly as such a line; default: at once")
    parser.add_argument(
        "--ma", type=int, default=16_000, choices=range(100_001), metavar="0..100000", help="load of each phase in mA"
    )
    parser.add_argument("--fault", action="append", default=[], choices=list(MeterFault), help="may be repeated")
    return parser


if __name__ == "__main__":
    sys.exit(main())
