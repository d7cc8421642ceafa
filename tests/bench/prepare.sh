#!/usr/bin/env bash
# Installs what the bench compares with, as root on Debian. For anyone else it says what
# is missing: without oidc-agent its rows say that they were not measured.
set -euo pipefail
cd "$(dirname "$0")"

missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v oidc-gen >/dev/null || missing+=(oidc-agent-cli)
[ "${#missing[@]}" -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  apt-get -qq install --yes --no-install-recommends "${missing[@]}" >/dev/null
  exit 0
fi
echo "not installed, and only root could: ${missing[*]}" >&2
command -v cc >/dev/null || { echo "the bench needs a C compiler: its load is compiled" >&2; exit 2; }
