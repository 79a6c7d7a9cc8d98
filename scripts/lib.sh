# Sourced by the scripts beside it: the project's folder, a virtual environment, Debian packages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
VENV=${STRAPLINE_VENV:-.venv}

say() { printf '%s\n' "$*" >&2; }

# Install Debian packages if we may; otherwise say what to type. Arguments: package names.
apt_install() {
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
            say "Missing Debian packages. Type: sudo apt-get install $*"
            return 1
        fi
        as_root=(sudo -n)
    fi
    if ! command -v apt-get >/dev/null; then
        say "This is no Debian. Install with your system's tools what these packages hold: $*"
        return 1
    fi
    say "Installing Debian packages: $*"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# A Python of 3.11 or newer that can make virtual environments.
find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if [ -n "$candidate" ] && "$candidate" -c \
            'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$candidate"
            return
        fi
    done
    return 1
}

# Have the project with some extras in the virtual environment. Argument: extras, such as "all,dev".
ensure_venv() {
    local python stamp want
    if ! python=$(find_python); then
        apt_install python3 python3-venv || exit 1
        python=$(find_python) || { say "Strapline needs Python 3.11 or newer."; exit 1; }
    fi
    stamp="$VENV/.installed-for"
    want="$1 $(cksum <pyproject.toml)"
    if [ ! -x "$VENV/bin/python" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
        say "Setting up $VENV (once; it takes a minute or two)…"
        "$python" -m venv "$VENV"
        "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[$1]"
        printf '%s' "$want" >"$stamp"
    fi
}
