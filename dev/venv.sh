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

# Debian and Ubuntu ship Python without pip. Nothing has to be installed for it, by root or otherwise: the
# distribution's package of pip's wheel is unpacked into the cache, and a wheel can be run as it is.
make_venv() {
    rm -rf "$venv"
    if "$1" -m venv "$venv" >/dev/null 2>&1; then
        wheel=
    else
        rm -rf "$venv"
        if ! "$1" -m venv --without-pip "$venv" || ! wheel=$("$1" -m dev.pip_wheel); then
            rm -rf "$venv"
            say "error: $1 came without pip: install python3-venv (Debian, Ubuntu) or what your system calls it"
            exit 1
        fi
    fi
    PYTHONPATH=$wheel "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --require-hashes -r lock/uv.txt
}

# uv comes last into a new environment, so one without it is what an interrupted run left.
if ! new_enough "$venv/bin/python" || ! "$venv/bin/uv" --version >/dev/null 2>&1; then
    python=$(find_python)
    say "making $venv with $python ..."
    make_venv "$python"
fi

say "installing what lock/dev.txt names ..."
# uv's own lock goes with it: a sync removes whatever no list names.
"$venv/bin/uv" pip sync --quiet --compile-bytecode --python "$venv/bin/python" --require-hashes lock/dev.txt lock/uv.txt
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --editable .
