#!/bin/sh
# Writes requirements/*.txt: lock_requirements.sh UV
# The lock names no index, so that everyone's own pip settings decide where packages come from.
set -eu
uv=$1

lock() {
    target=$1
    shift
    "$uv" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header pyproject.toml "$@" -o "$target"
}

lock requirements/dev.txt --extra embedded --group dev
lock requirements/runtime.txt --constraint requirements/dev.txt
