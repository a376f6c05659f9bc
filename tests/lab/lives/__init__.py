"""Random lives of the virtual wallbox, judged by the invariants. `__main__` tells how to live them."""
