# Sourced by scripts/run and scripts/test: a virtual environment in .venv with csms in it.
# usage: prepare_venv EXTRAS     (for example: prepare_venv embedded,test)

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*" >&2; }

find_python() {
  local candidate
  for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  say "csms needs Python 3.11 or newer; found: $(python3 --version 2>&1 || echo none)."
  exit 1
}

make_venv() {
  local python=$1
  say "Making a virtual environment in .venv ..."
  rm -rf .venv
  if ! "$python" -m venv .venv >/dev/null 2>&1; then
    rm -rf .venv
    # Debian keeps venv in a package of its own.
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
      say "Installing python3-venv ..."
      apt-get update -qq >&2
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >&2
      "$python" -m venv .venv
    else
      say "This Python cannot make virtual environments. On Debian: sudo apt-get install python3-venv"
      exit 1
    fi
  fi
}

prepare_venv() {
  local extras=$1 stamp wanted python
  stamp=.venv/installed-$extras
  wanted=$(cat setup.cfg pyproject.toml | sha256sum)
  # A clone that was moved takes its old paths along.
  if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted $PWD" ]; then
    return
  fi
  python=$(find_python)
  if ! [ -x .venv/bin/python ] || ! .venv/bin/python -c 'import pip' 2>/dev/null ||
    ! head -1 .venv/bin/pip | grep -qF "$PWD/"; then
    make_venv "$python"
  fi
  say "Installing csms[$extras] into .venv; the first time this takes a minute or two ..."
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".[$extras]"
  printf '%s' "$wanted $PWD" >"$stamp"
}
