#!/bin/sh
# Installs Strapline on Debian 12 or 13 or Raspberry Pi OS, without Docker. Safe to run again, also to upgrade.
#
#   sudo deploy/install.sh              # all: mosquitto, InfluxDB 1.6, collector, pipeline, live page
#   sudo deploy/install.sh --collector  # the collector alone, for a broker on another machine
set -eu
umask 022

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

what=full
for argument in "$@"; do
    case $argument in
        --full) what=full ;;
        --collector) what=collector ;;
        *) die "Usage: install.sh [--full | --collector]" ;;
    esac
done

source=$(cd "$(dirname "$0")/.." && pwd)
debian=$source/deploy/debian
folder=/etc/strapline
settings=$folder/strapline.toml
environment=$folder/strapline.env
secrets=$folder/.env
broker_conf=/etc/mosquitto/conf.d/strapline.conf
store_conf=/etc/systemd/system/influxdb.service.d/strapline.conf

[ "$(id -u)" -eq 0 ] || die "Type: sudo $0 $*"
command -v apt-get >/dev/null || die "This is no Debian: see docs/install.md for the steps by hand."

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }
has() { command -v "$1" >/dev/null; }
has_systemd() { [ -d /run/systemd/system ]; }

# A server that was here before is somebody else's. Arguments: its program, the file that says it is ours.
is_ours() { [ -e "$2" ] || [ -h "$2" ] || ! has "$1"; }

# Debian's InfluxDB 1.x, where this release and processor have it.
offers_influxdb() { LC_ALL=C apt-cache policy influxdb | grep -q '^ *Candidate: 1\.'; }

install_packages() {
    say "Installing Debian packages…"
    apt-get update -qq
    apt_install python3 python3-venv systemd
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Strapline needs Python 3.11: Debian 12 or newer."
    apt_install bluez dbus
    [ "$what" = full ] || return 0
    if is_ours mosquitto $broker_conf; then
        apt_install mosquitto
        owns_broker=yes
    else
        say "A mosquitto was here before and stays as it is."
    fi
    if ! is_ours influxd $store_conf; then
        say "An InfluxDB was here before and stays as it is: points go to SQLite until $environment says otherwise."
    elif offers_influxdb; then
        apt_install influxdb
        owns_store=yes
    else
        say "This Debian has no InfluxDB 1.x for this processor: points go to SQLite, in /var/lib/strapline/strapline.db."
    fi
}

# The packages by their hashes, then Strapline itself, built from this folder by locked tools.
install_strapline() {
    say "Installing Strapline into /opt/strapline…"
    lock=requirements-$([ "$what" = full ] && echo all || echo collector).txt
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    # The lists name the wheels of 64-bit processors. On others the index of Raspberry Pi OS builds its own: same
    # versions, other files.
    case $(uname -m) in
        x86_64 | aarch64) checked=--require-hashes; cp "$source"/deploy/requirements-*.txt "$work" ;;
        *)
            checked=--prefer-binary
            say "No hashes are checked on a $(uname -m); versions are."
            for list in "$source"/deploy/requirements-*.txt; do
                sed '/--hash/d; s/ *\\$//' "$list" >"$work/$(basename "$list")"
            done
            ;;
    esac
    python3 -m venv "$work/build"
    "$work/build/bin/pip" install --quiet $checked --requirement "$work/requirements-build.txt"
    "$work/build/bin/pip" wheel --quiet --no-deps --no-build-isolation --wheel-dir "$work/wheels" "$source"
    python3 -m venv /opt/strapline
    /opt/strapline/bin/pip install --quiet $checked --requirement "$work/$lock"
    /opt/strapline/bin/pip install --quiet --no-deps --no-index --force-reinstall "$work"/wheels/*.whl
    install -m 0755 "$debian/strapline" /usr/local/bin/strapline
}

install_user_and_units() {
    install -m 0644 -D "$debian/sysusers.conf" /usr/lib/sysusers.d/strapline.conf
    install -m 0644 -D "$debian/tmpfiles.conf" /usr/lib/tmpfiles.d/strapline.conf
    systemd-sysusers strapline.conf
    systemd-tmpfiles --create strapline.conf
    for part in $parts; do
        install -m 0644 "$source/deploy/systemd/strapline-$part.service" /etc/systemd/system/
    done
}

write_environment() {
    echo "# For every part, before what settings/ says. A value with other than letters and digits needs 'single quotes'."
    if [ "$owns_broker" = no ]; then
        echo "#STRAPLINE_BUS_URL=mqtt://192.168.1.10:1883"
        echo "#STRAPLINE_BUS_USERNAME="
        echo "#STRAPLINE_BUS_PASSWORD="
    fi
    if [ "$what" = full ] && [ "$owns_store" = no ]; then
        echo "STRAPLINE_STORE_URL=sqlite:///strapline.db"
    fi
}

# What is there stays. For all parts: settings, a secret and a login for each, and what the broker reads; on a terminal it
# asks. For a collector alone: settings, and a place for its login.
write_settings() {
    if [ "$what" = full ]; then
        /opt/strapline/bin/strapline init --stack $folder --no-docker
    else
        STRAPLINE_HOME=$folder /opt/strapline/bin/strapline init
    fi
    [ -e $environment ] || (umask 077 && write_environment >$environment)
    systemd-tmpfiles --create strapline.conf
}

value_of() { sed -n "s/^$1=//p" "$2"; }

set_up_broker() {
    ln -sf $folder/mosquitto/mosquitto.conf $broker_conf
    start mosquitto
}

set_up_store() {
    install -m 0644 -D "$debian/influxdb.conf" $store_conf
    server=
    if has_systemd; then
        start influxdb
    else # for this step only
        # shellcheck disable=SC2046 # each assignment is a word
        env $(sed -n 's/^Environment=//p' $store_conf) runuser -u influxdb -- \
            influxd -config /etc/influxdb/influxdb.conf >/dev/null 2>&1 &
        server=$!
    fi
    (
        for name in INFLUXDB_ADMIN_PASSWORD STRAPLINE_STORE_TOKEN GRAFANA_STORE_TOKEN; do
            export "$name=$(value_of $name $secrets)"
        done
        /opt/strapline/bin/python "$debian/set_up_influxdb.py"
    )
    if [ -n "$server" ]; then
        { kill $server && wait $server; } 2>/dev/null || true
    fi
}

# Have a service run, now and after each start of the machine, with what was installed.
start() {
    has_systemd || return 0
    systemctl daemon-reload
    systemctl enable --quiet "$1"
    systemctl restart "$1"
}

owns_broker=no
owns_store=no
parts=collector
[ "$what" = collector ] || parts="collector pipeline page"

install_packages
install_strapline
install_user_and_units
write_settings
[ $owns_broker = no ] || set_up_broker
[ $owns_store = no ] || set_up_store

if ! has_systemd; then
    say "systemd does not run here, so nothing was started. Each part runs by hand: strapline collect | process | serve"
elif [ $owns_broker = no ] && [ -z "$(value_of STRAPLINE_BUS_URL $environment)" ]; then
    for part in $parts; do systemctl enable --quiet "strapline-$part"; done
    say "Nothing was started yet, since no broker is told of: fill in $environment, or see docs/install.md. Then type"
    for part in $parts; do say "    sudo systemctl start strapline-$part"; done
else
    for part in $parts; do start "strapline-$part"; done
fi
if [ "$what" = collector ]; then
    say "Installed. Next:
    sudo strapline scan                     # which straps are in range?
    sudo editor $settings
    sudo systemctl restart strapline-collector"
else
    say "Installed. Next:
    sudo strapline scan                     # which straps are in range?
    sudo editor $settings
    sudo deploy/install.sh                  # again: who may send whose beats follows from that file
    sudo strapline doctor                   # what is wrong, and what to do
The live page is http://127.0.0.1:8080 on this machine; STRAPLINE_PAGE_PASSWORD in $secrets opens it."
fi
