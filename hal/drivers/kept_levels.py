"""Whether the kernel keeps driving a GPIO after its process has died.

The kernels of Raspberry Pi do, unless they are told not to: a killed evse-hal would leave the coil energised until
systemd has run make_safe. `dtparam=strict_gpiod` turns the parameter read here off, in either pin controller.
"""

from __future__ import annotations

from pathlib import Path

MODULES = Path("/sys/module")
CONTROLLERS = ("pinctrl_bcm2835", "pinctrl_rp1")
WARNING = (
    "this kernel keeps a GPIO driven after its process has died: "
    "add the line dtparam=strict_gpiod to /boot/firmware/config.txt and reboot"
)


def kept_levels() -> str | None:
    """One sentence for the builder. None = released lines become inputs, or this is no Raspberry Pi."""
    for controller in CONTROLLERS:
        try:
            kept = (MODULES / controller / "parameters" / "persist_gpio_outputs").read_text().strip()
        except OSError:
            continue
        if kept == "Y":
            return WARNING
    return None
