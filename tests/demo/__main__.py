"""`./evse demo`; show.py tells what it can do."""

import signal
import sys

if __name__ == "__main__":
    # Nothing has been started yet, so a Ctrl-C while the rest is being loaded just ends us.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tests.demo.show import main

    sys.exit(main())
