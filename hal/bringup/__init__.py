"""Bring-up: a walk through a new board, part by part, with what was expected and what was measured.

bench.py drives the parts of one outlet and keeps time; pilot.py, power.py, plug.py and slow.py hold the steps;
person.py asks and tells; protocol.py writes what the installer signs. `evse-hal` must not run meanwhile.
"""
