"""The simulated world around a wallbox; `plant.Plant` is its door, `commands` its words.

`agenda` is the clock. `circuit` and `pilot` are the wire, `car` and `battery` the vehicle, `power`, `phases`, `socket`
and `grid` the heavy current, `meter`, `rtu_slave`, `pty_line`, `reader` and `thermometer` the slow devices, `contact`
whatever is switched, `signals` what shines and beeps; `bay` wires one outlet of them.
"""
