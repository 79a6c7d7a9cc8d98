#!/bin/sh
# Writes the broker's password file from the environment, then becomes the broker.
set -eu
umask 077
passwords=/run/mosquitto/passwords
# Typed twice, as a person would: an argument could be read in the process list.
printf '%s\n%s\n' "$STRAPLINE_BUS_PASSWORD" "$STRAPLINE_BUS_PASSWORD" \
    | mosquitto_passwd -c "$passwords" "$STRAPLINE_BUS_USERNAME" >/dev/null
# The broker gives up root before it reads the file.
[ "$(id -u)" -ne 0 ] || chown mosquitto "$passwords"
unset STRAPLINE_BUS_PASSWORD
exec mosquitto -c /mosquitto/config/mosquitto.conf
