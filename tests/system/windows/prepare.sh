#!/usr/bin/env bash
# Makes a Windows Python that runs under wine, with what our store needs, from parts
# that packages bring: the DLL and the extension modules lie in the wheel of panda3d,
# the library's own Python files are those of this machine, and what is missing then
# is compiled from the two C files here. Called by tests/system/prepare.sh, as root.
#
#   prepare.sh USER PLACE      wine's folder and the tree of the tests are USER's
set -euo pipefail
cd "$(dirname "$0")/../../.."

user=$1 place=$2
python=$place/python
here=tests/system/windows
compiler=x86_64-w64-mingw32

version=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
dll=python${version/./}

build() {
  rm -rf "$place"
  mkdir -p "$python/DLLs" "$python/Lib/site-packages"

  # The newest wheels for Windows, each hash checked.
  .venv/bin/pip --disable-pip-version-check --no-input --quiet install \
    --require-hashes --no-deps --requirement requirements-windows.lock \
    --target "$place/wheels" --only-binary=:all: \
    --platform win_amd64 --implementation cp --python-version "$version"
  find "$place/wheels/deploy_libs" \( -iname "$dll.dll" -o -iname 'vcruntime140*.dll' \) \
    -exec mv {} "$python" \;
  mv "$place"/wheels/deploy_libs/*.pyd "$python/DLLs"
  # OpenSSL, SQLite and libffi, which those load; Windows itself has the api-ms ones.
  find "$place/wheels/deploy_libs" -name '*.dll' ! -name 'api-ms-*' \
    -exec mv {} "$python/DLLs" \;
  rm -rf "$place"/wheels/{deploy_libs,panda3d*,direct}
  mv "$place"/wheels/* "$python/Lib/site-packages"
  rmdir "$place/wheels"

  library=$(/usr/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
  tar --create --directory "$library" \
    --exclude='*.so' --exclude=./test --exclude='./config-*' \
    --exclude=./lib-dynload --exclude=./site-packages --exclude=./dist-packages . |
    tar --extract --no-same-owner --directory "$python/Lib"

  "$compiler-gcc" -O2 -municode "-DPYTHON_DLL=L\"$dll.dll\"" \
    -o "$python/python.exe" "$here/python.c"
  "$compiler-gcc" -O2 -shared -o "$python/bcryptprimitives.dll" \
    "$here/bcryptprimitives.c" -ladvapi32
  # Wheels for every later Python ask python3.dll, which hands each name on.
  {
    printf 'LIBRARY python3\nEXPORTS\n'
    "$compiler-objdump" --private-headers "$python/$dll.dll" |
      sed -nE "s/^\t\[ *[0-9]+\].* (_?Py[A-Za-z0-9_]+)\$/\1 = $dll.\1/p"
  } >"$place/python3.def"
  "$compiler-gcc" -shared -nostdlib -Wl,--entry=0 \
    -o "$python/python3.dll" "$place/python3.def"

  mkdir "$place/prefix" "$place/tree"
  chown "$user:" "$place/prefix" "$place/tree"
  runuser -u "$user" -- env WINEPREFIX="$place/prefix" WINEARCH=win64 WINEDEBUG=-all \
    WINEDLLOVERRIDES='mscoree,mshtml=' wineboot --init 2>/dev/null
}

# What it is made of: when that changes, it is made again.
made_of=$(cat requirements-windows.lock "$here"/*.c "$here/prepare.sh"; echo "$version" "$(wine --version 2>/dev/null)")
if [ "$(cat "$place/made-of" 2>/dev/null)" != "$made_of" ]; then
  echo 'making a Windows Python'
  build
  echo "$made_of" >"$place/made-of"
fi

# The tests run from this tree as it is now, not from a wheel: they are in it.
rm -rf "$place"/tree/*
cp -r broker pyproject.toml clients/python/brokerd_client "$place/tree"
tar --create --exclude=__pycache__ --exclude=node_modules tests |
  tar --extract --no-same-owner --directory "$place/tree"
chown -R "$user:" "$place/tree"
