"""Whole-wallbox scenarios on the virtual clock."""
