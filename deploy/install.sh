#!/bin/sh
# Make this machine a wallbox, or bring one up to this checkout: Debian 12 or Raspberry Pi OS 12 or newer, 64-bit.
# usage() below says how; it may be run again at any time.
set -eu
here=$(CDPATH='' cd -P -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)

say() { printf 'install: %s\n' "$*"; }

die() {
    printf 'install: %s\n' "$*" >&2
    exit 1
}

misused() {
    printf 'install: usage: deploy/install.sh [--root DIR | --help]\n' >&2
    exit 2
}

usage() {
    cat <<'TXT'
usage: sudo deploy/install.sh       make this machine a wallbox, or bring it up to this checkout
       deploy/install.sh --root DIR only lay the files out below DIR, to look at them or for an image
       deploy/install.sh --help

It makes the users, the programs in /opt/evsed with links in /usr/local/bin, the systemd units, and an example of
/etc/evse/site.toml. That is written once and never touched again; nothing starts before you have edited it.
Needs root, systemd, a 64-bit Debian 12 or Raspberry Pi OS 12 or newer, and a network.
TXT
}

lay_out() { # below $1
    say "units and rules below ${1:-/}"
    while read -r source target mode; do
        install -D -m "$mode" "$here/$source" "$1/$target"
    done <<'FILES'
systemd/evse.target             etc/systemd/system/evse.target              0644
systemd/evse-hal.service        etc/systemd/system/evse-hal.service         0644
systemd/evsed.service           etc/systemd/system/evsed.service            0644
systemd/evse-again@.service     etc/systemd/system/evse-again@.service      0644
systemd/evse-hard-reset.path    etc/systemd/system/evse-hard-reset.path     0644
systemd/evse-hard-reset.service etc/systemd/system/evse-hard-reset.service  0644
systemd/evse-watchdog.conf      etc/systemd/system.conf.d/evse-watchdog.conf 0644
systemd/evse.sysusers           etc/sysusers.d/evse.conf                    0644
systemd/evse.tmpfiles           etc/tmpfiles.d/evse.conf                    0644
deploy/70-evse.rules            etc/udev/rules.d/70-evse.rules              0644
deploy/hard-reset               opt/evsed/libexec/hard-reset                0755
FILES
    install -d "$1/usr/local/bin"
    for program in evsectl evsed evse-hal; do
        ln -sfn "/opt/evsed/bin/$program" "$1/usr/local/bin/$program"
    done
    [ -e "$1/etc/evse/site.toml" ] || {
        say "an example of /etc/evse/site.toml"
        install -D -m 0640 "$here/deploy/site.toml" "$1/etc/evse/site.toml"
    }
}

suits() { # refuse what cannot become a wallbox, in one line
    [ "$(id -u)" -eq 0 ] || die "needs root: sudo deploy/install.sh; or --root DIR to lay the files out elsewhere"
    [ -d /run/systemd/system ] || die "this machine does not run systemd"
    command -v apt-get >/dev/null || die "this is neither Debian nor Raspberry Pi OS: there is no apt-get"
    [ "$(getconf LONG_BIT)" = 64 ] || die "this system is 32-bit; install the 64-bit Raspberry Pi OS"
}

programs() {
    "$here/deploy/apt-install" pi pi-build
    say "programs in /opt/evsed"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "$(python3 -V) is too old, 3.11 is needed"
    # Made anew only where it is missing or of another Python: without a network the old programs stay.
    /opt/evsed/bin/python -m pip --version >/dev/null 2>&1 || python3 -m venv --clear /opt/evsed
    pip() { /opt/evsed/bin/python -m pip --quiet --disable-pip-version-check install "$@"; }
    pip --require-hashes --use-pep517 -r "$here/deploy/requirements-pi.lock"
    pip --no-deps --no-build-isolation --force-reinstall "$here"
}

activate() {
    systemd-sysusers
    systemd-tmpfiles --create /etc/tmpfiles.d/evse.conf
    if udevadm control --reload 2>/dev/null; then # a container has none
        udevadm trigger --subsystem-match=gpio --subsystem-match=spidev --subsystem-match=i2c-dev --subsystem-match=pwm
    fi
    systemctl daemon-reload
    systemctl enable --quiet evse.target evse-hal.service evsed.service evse-hard-reset.path
}

case ${1:-} in
    '') ;;
    -h | --help)
        usage
        exit 0
        ;;
    --root)
        [ $# -eq 2 ] || misused
        lay_out "${2%/}"
        exit 0
        ;;
    *) misused ;;
esac

suits
programs
lay_out ''
activate
say "done. Edit /etc/evse/site.toml, look at it with"
say "  evsed --check /etc/evse/site.toml"
say "and start the wallbox: systemctl restart evse.target; then evsectl status tells how it is"
