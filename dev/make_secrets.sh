#!/bin/sh
# Makes the secrets of dev/compose.yaml in a directory, once: each is kept if it is there already.
#   dev/make_secrets.sh dev/secrets
set -eu

if [ $# -ne 1 ] || [ -z "$1" ]; then
    echo "usage: $0 DIRECTORY, such as $(dirname "$0")/secrets" >&2
    exit 2
fi
target=$1
here=$(dirname "$0")
umask 077
mkdir -p "$target"

password() {
    [ -s "$target/$1" ] || head -c 24 /dev/urandom | base64 | tr -d '\n' | tr '+/' '-_' >"$target/$1"
}

password postgres_password
password redis_password

# The server's users: whoever does not log in may only ask whether it answers. It runs as a user of
# its own, so the file must be readable; it contains no password, and nobody else enters the directory.
hash=$(printf %s "$(cat "$target/redis_password")" | sha256sum | cut -d ' ' -f 1)
{
    echo "user default on nopass resetkeys resetchannels -@all +ping"
    echo "user rtmanager on #$hash resetchannels $(cat "$here/redis_rights.txt")"
} >"$target/valkey_users"
chmod 644 "$target/valkey_users"
