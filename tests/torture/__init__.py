"""The two real daemons, tortured. `__main__` tells how."""
