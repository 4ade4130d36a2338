#!/bin/sh
# Makes the secrets of deploy/compose.yaml in a directory, once: each is kept if it is there already.
#   deploy/make_secrets.sh deploy/secrets
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

# The server's users: whoever does not log in may only ask whether it answers.
hash=$(printf %s "$(cat "$target/redis_password")" | sha256sum | cut -d ' ' -f 1)
{
    echo "user default on nopass resetkeys resetchannels -@all +ping"
    echo "user rtmanager on #$hash resetchannels $(cat "$here/../dev/redis_rights.txt")"
} >"$target/valkey_users"
# Servers run as users of their own, so the files must be readable in their containers; on the host
# nobody else enters the directory.
chmod 644 "$target/postgres_password" "$target/redis_password" "$target/valkey_users"
