"""Every cut of a day: what the kernel got from the real store and files, replayed. `__main__` tells how."""
