#!/bin/sh
# Gives the broker copies of its files, then becomes it. In the folder of the host they belong to whoever ran
# `strapline init`, and the broker gives up root before it opens them.
set -eu
umask 077
for name in passwords acl server.crt server.key; do
    [ ! -f "/mosquitto/config/$name" ] || cp "/mosquitto/config/$name" /run/mosquitto/
done
[ "$(id -u)" -ne 0 ] || chown -R mosquitto: /run/mosquitto
exec mosquitto -c /mosquitto/config/mosquitto.conf
