#!/bin/sh
# The first program of a machine in namespaces of its own: what a boot does, then what it is for.
# boot.sh NAME ADDRESS PROGRAM …: the program starts once the machine has been given the address.
set -e
# Neither the sockets of this host's Docker and containerd, nor files of theirs that would clash.
mount -t tmpfs -o mode=0755 tmpfs /run
ip link set lo up
hostname "$1"
until ip -oneline address show | grep -q " $2/"; do
    sleep 0.05
done
shift 2
# It ends, and the machine with it, when the program ends; until then it reaps every orphan.
exec docker-init -- "$@"
