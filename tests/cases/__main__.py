"""./evse cases VERSION: walk through the certification cases of a station and print the table.

Each case is one or more scenarios with the real core, dialect, session and journal on the virtual clock. A case passes
when all that bear its number pass. The last line is `passed N of M`; the exit code is 1 if a case failed or is
missing.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.cases.certification import NOT_HERE, SUITES, case_of, cases

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"


class Outcomes:
    """What became of each scenario, by the case that it bears."""

    def __init__(self) -> None:
        self.of: dict[str, dict[str, str]] = defaultdict(dict)
        self.interrupted = False

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Only what bears a case is walked through."""
        items[:] = [item for item in items if case_of(item.nodeid)]

    def pytest_keyboard_interrupt(self) -> None:
        self.interrupted = True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A failure of set-up or tear-down counts as well."""
        case = case_of(report.nodeid)
        test = report.nodeid.rpartition("::")[2]
        if case is not None and (report.when == "call" or not report.passed):
            self.of[case][test] = "failed" if "failed" in (self.of[case].get(test), report.outcome) else report.outcome


def main() -> int:
    """The exit code of `./evse cases`."""
    parser = argparse.ArgumentParser(prog="./evse cases")
    parser.add_argument("version", choices=sorted(SUITES), help="the OCPP version to be certified for")
    suite = SUITES[parser.parse_args().version]
    outcomes = Outcomes()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        pytest.main([str(SCENARIOS), "-q", "-p", "no:cacheprovider"], plugins=[outcomes])
    if outcomes.interrupted:
        raise KeyboardInterrupt  # which pytest had caught
    verdicts = {number: verdict(outcomes.of.get(number, {}), number) for _, number in cases(suite)}
    for module, number in cases(suite):
        tests = ", ".join(sorted({test.split("[")[0] for test in outcomes.of.get(number, {})}))
        print(f"TC_{number + '_CS':9} {module:30} {verdicts[number]:8} {NOT_HERE.get(number, tests)}")
    failed = not {"failed", "missing"}.isdisjoint(verdicts.values())
    if failed:
        print(said.getvalue(), file=sys.stderr)
    print(f"passed {list(verdicts.values()).count('passed')} of {len(verdicts)}")
    return int(failed)


def verdict(results: dict[str, str], number: str) -> str:
    """Passed only if all that bear the number ran and passed."""
    if not results:
        return "not here" if number in NOT_HERE else "missing"
    return "passed" if set(results.values()) == {"passed"} else "failed"


if __name__ == "__main__":
    sys.exit(main())
