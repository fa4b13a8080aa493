#!/bin/sh
# Makes the virtual environment of the working copy hold exactly what lock/dev.txt names, and this project.
set -eu
venv=${1:-.venv}

say() { printf '%s\n' "$*" >&2; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    say "error: Python 3.11 or newer is needed; none is on PATH"
    exit 1
}

# Debian ships Python without ensurepip, so a plain `venv` may fail where another way still works.
make_venv() {
    python=$1
    rm -rf "$venv"
    "$python" -m venv "$venv" >/dev/null 2>&1 && return
    rm -rf "$venv"
    if "$python" -m pip --version >/dev/null 2>&1 && "$python" -m venv --without-pip "$venv" &&
        "$python" -m pip --quiet --python "$venv/bin/python" install --require-hashes -r lock/uv.txt; then
        return
    fi
    rm -rf "$venv"
    "$python" -m virtualenv --quiet "$venv" 2>/dev/null && return
    rm -rf "$venv"
    command -v uv >/dev/null && uv venv --quiet --python "$python" "$venv" && return
    rm -rf "$venv"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing python3-venv ..."
        { apt-get install -y -qq python3-venv || { apt-get update -qq && apt-get install -y -qq python3-venv; }; } >&2
        "$python" -m venv "$venv" && return
    fi
    say "error: $python cannot make a virtual environment: install python3-venv (Debian, Ubuntu), virtualenv or uv"
    exit 1
}

if ! new_enough "$venv/bin/python"; then
    python=$(find_python)
    say "making $venv with $python ..."
    make_venv "$python"
fi

say "installing what lock/dev.txt names ..."
if [ ! -x "$venv/bin/uv" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    "$venv/bin/python" -m pip install --quiet --require-hashes -r lock/uv.txt || say "uv is not to be had; using pip"
fi
uv=$venv/bin/uv
[ -x "$uv" ] || uv=$(command -v uv || true)
if [ -n "$uv" ]; then
    # uv's own lock goes with it: a sync removes whatever no list names.
    "$uv" pip sync --quiet --python "$venv/bin/python" --require-hashes lock/dev.txt lock/uv.txt
    "$uv" pip install --quiet --python "$venv/bin/python" --no-deps --editable .
else
    "$venv/bin/python" -m pip install --quiet --require-hashes -r lock/dev.txt
    "$venv/bin/python" -m pip install --quiet --no-deps --editable .
fi
