#!/usr/bin/env bash
# Makes what the system tests stand on: Debian's packages, the npm issuer, the
# browser's driver, and an ordinary user with brokerd installed from wheels. Run
# as root by `make test-system`; what is there already is left as it is.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Also known to tests/system/person.py. Other names let two checkouts be tested at once.
user=${BROKERD_TEST_USER:-brokertest}
place=${BROKERD_TEST_PLACE:-/var/lib/brokerd-test}

pip='pip --disable-pip-version-check --no-input --quiet'

install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  apt-get -qq install --yes --no-install-recommends "$@" >/dev/null
}

missing=()
for package in $(grep -v '^#' tests/system/packages.txt); do
  state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
# Node comes from Debian or from elsewhere: a command that is there is enough.
for command in node npm; do
  command -v "$command" >/dev/null || missing+=("${command/%node/nodejs}")
done
if [ "${#missing[@]}" -gt 0 ]; then
  echo "installing: ${missing[*]}"
  install_packages "${missing[@]}"
fi

# The issuer and the MCP server. npm's own marker is newer than the lock file once that
# is installed.
for server in tests/system/oidc_provider tests/system/mcp_server; do
  if [ ! "$server/node_modules/.package-lock.json" -nt "$server/package-lock.json" ]; then
    npm ci --prefix "$server" --ignore-scripts --no-audit --no-fund --silent
    touch "$server/node_modules/.package-lock.json"
  fi
done

# The tests' own environment: the development one, with the browser's driver on top.
if [ ! .venv-system/.made -nt requirements-system.lock ] || [ ! .venv-system/.made -nt .venv/.made ]; then
  .venv/bin/python -m venv --clear .venv-system
  .venv-system/bin/$pip install --require-hashes --requirement requirements-system.lock
  below=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  above=$(.venv-system/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  echo "import site; site.addsitedir('$below')" >"$above/development.pth"
  touch .venv-system/.made
fi

# The person of the tests. A root daemon would hide every fault of permissions.
id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
# A mount point that a user manager of these tests left when it was killed.
rmdir "/run/user/$(id -u "$user")" 2>/dev/null || true
umask 022
mkdir -p "$place"

# Debian's Python, because the person must be able to read it, and wheels, because
# that is what people install. Third parties again only when the lock has changed.
if ! cmp --silent requirements.lock "$place/requirements.lock"; then
  rm -rf "$place/venv" "$place/requirements.lock"
  /usr/bin/python3 -m venv "$place/venv"
  "$place"/venv/bin/$pip install --require-hashes --requirement requirements.lock
  cp requirements.lock "$place/requirements.lock"
fi
tests/system/windows/prepare.sh "$user" "$place/windows"

rm -rf build/wheels
for folder in clients/python .; do
  (cd "$folder" && "$OLDPWD/.venv/bin/python" -m hatchling build -t wheel -d "$OLDPWD/build/wheels" >/dev/null 2>&1) ||
    { echo "no wheel of $folder could be built: run 'python -m hatchling build -t wheel' there" >&2; exit 1; }
done
"$place"/venv/bin/$pip install --no-deps --force-reinstall build/wheels/*.whl
