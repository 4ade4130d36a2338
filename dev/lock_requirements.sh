#!/bin/sh
# Writes requirements/*.txt: lock_requirements.sh UV
# The lock contains no index, so that each user's pip settings decide where packages come from.
set -eu
uv=$1

# A format check that jsonschema uses if it is there: it builds a grammar whenever a process starts,
# which takes a second, and nothing that we check has such a format.
without="--no-emit-package rfc3987-syntax --no-emit-package lark"

compile() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
        $without "$@"
}

compile --upgrade pyproject.toml --group dev --output-file requirements/dev.txt
# One version of everything: production installs what the tests ran with.
compile --constraints requirements/dev.txt pyproject.toml --output-file requirements/runtime.txt
compile --constraints requirements/dev.txt --group build --output-file requirements/build.txt
