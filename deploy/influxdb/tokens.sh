#!/bin/sh
# Gives the pipeline a token that may only write and Grafana one that may only read, each as a file that only its reader's
# user can open. What .env says goes there as it is; otherwise InfluxDB makes one, and shows it this once.
set -eu

bucket=$(influx bucket list --name strapline --hide-headers | cut -f1)

# Arguments: name, user that reads it, what .env says, right.
provide() {
    folder=/tokens/$1
    if [ -n "$3" ]; then
        put "$folder/token" "$2" "$3"
        rm -f "$folder/id"
    elif ! is_known "$folder/id"; then
        made=$(influx auth create --description "strapline $1" --hide-headers "$4" "$bucket")
        put "$folder/token" "$2" "$(echo "$made" | cut -f3)"
        put "$folder/id" 0 "$(echo "$made" | cut -f1)"
        echo "made a token: $1"
    fi
}

# Whether InfluxDB has the token whose id is in a file.
is_known() { [ -s "$1" ] && influx auth list --id "$(cat "$1")" --hide-headers >/dev/null 2>&1; }

# Arguments: file, its owner, text.
put() {
    (umask 077 && printf %s "$3" >"$1.new")
    chown "$2" "$1.new"
    mv "$1.new" "$1"
}

provide pipeline 1000 "$STRAPLINE_STORE_TOKEN" --write-bucket
provide grafana 472 "$GRAFANA_STORE_TOKEN" --read-bucket
