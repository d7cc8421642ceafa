#!/usr/bin/env bash
# Becomes a real `systemd --user` for one user, where systemd is not the machine's
# first process. Run as root inside `unshare --mount`; the mounts end with it.
#
#   unshare --mount --propagation private user_manager.sh USER HOME
set -euo pipefail

user=$1 home=$2
uid=$(id -u "$user") gid=$(id -g "$user")

# A manager asks whether the machine was booted with systemd: this folder says yes.
mkdir -p /run/systemd
mount -t tmpfs tmpfs /run/systemd
mkdir /run/systemd/system /run/systemd/users
mkdir -p "/run/user/$uid"
mount -t tmpfs -o "mode=700,uid=$uid,gid=$gid" tmpfs "/run/user/$uid"

# Part of the tree of cgroups, handed to the user: of each hierarchy that is there.
for tree in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
  [ -w "$tree/cgroup.procs" ] || continue
  mkdir -p "$tree/brokerd-test"
  chown -R "$user" "$tree/brokerd-test"
  echo $$ >"$tree/brokerd-test/cgroup.procs"
done

exec setpriv --reuid="$uid" --regid="$gid" --init-groups \
  env -i HOME="$home" USER="$user" LOGNAME="$user" PATH=/usr/bin:/bin LANG=C.UTF-8 \
  XDG_RUNTIME_DIR="/run/user/$uid" \
  /lib/systemd/systemd --user --log-target=console
