#!/bin/sh
# Creates the virtual environment from the lock: make_venv.sh PYTHON DIRECTORY
set -eu
python=$1
venv=$2

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "$python is missing or older than 3.11: install Python 3.11 or set PYTHON=..." >&2
    exit 1
}

# Debian ships the module that installs pip in a virtual environment as a separate package.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "$python cannot make virtual environments: install python3-venv" >&2
        exit 1
    fi
    echo "Installing python3-venv (apt-get) ..."
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    apt-get -qq install --yes --no-install-recommends python3-venv >/dev/null
fi

echo "Creating the virtual environment $venv (half a minute) ..."
# From scratch: a package that left the lock must not stay.
"$python" -m venv --clear "$venv"
export PIP_DISABLE_PIP_VERSION_CHECK=1
# The lock is complete, but for what it leaves out on purpose (lock_requirements.sh).
"$venv/bin/pip" install -qq --no-deps --require-hashes --requirement requirements/dev.txt
"$venv/bin/pip" install -qq --no-deps --no-build-isolation --editable .
