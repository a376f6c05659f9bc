"""`./evse lab-kernel`: build the kernel once; `./evse lab-kernel test`: run the stories of this folder in it."""

from __future__ import annotations

import sys

from tests.lab import guest, kernel


def main() -> int:
    """0 = done, 1 = a story failed or the kernel could not be built, 2 = misused or not prepared."""
    words = sys.argv[1:]
    if words in (["-h"], ["--help"]):
        print(f"usage: ./evse lab-kernel [test]\n\n{__doc__}")
        return 0
    if words not in ([], ["test"]):
        sys.stderr.write("lab-kernel: usage: ./evse lab-kernel [test]\n")
        return 2
    try:
        if not words:
            print(kernel.build())
            return 0
        if not kernel.LINUX.exists() or kernel.lacking():
            sys.stderr.write(
                "lab-kernel: nothing was tested: there is no kernel of this checkout; build it: ./evse lab-kernel\n"
            )
            return 2
        return guest.tell(kernel.LINUX)
    except kernel.LabError as wrong:
        sys.stderr.write(f"lab-kernel: {wrong}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
