# Sourced by run and test, from the root of the clone: .venv, and the package with its extras in it.

say() { printf '%s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

# The machine lacks something that Python cannot bring: a Debian package, and why it is needed.
system_package() {
    local package="$1" why="$2"
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        say "$why. Install it and start again; on Debian or Ubuntu: sudo apt-get install $package"
        return 1
    fi
    say "$why: installing $package ..."
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq "$package" >/dev/null 2>&1 && return
    # A new machine knows no packages yet.
    apt-get update -qq >&2 && apt-get install -y -qq "$package" >&2
}

# Print the first Python that is new enough.
find_python() {
    local python
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    fail "csms needs Python 3.11 or newer, and there is none on PATH."
}

make_venv() {
    local python output package
    python="$(find_python)"
    say "Making .venv with $("$python" --version) ..."
    # What is there is left over: half made, or its Python has gone.
    rm -rf .venv
    output="$("$python" -m venv .venv 2>&1)" && return
    rm -rf .venv
    package="$python-venv"
    system_package "$package" "$python makes no virtual environments without $package" ||
        fail "$output"
    "$python" -m venv .venv
}

# The mongod of the extra `embedded` uses a library that a small machine may lack.
check_mongod() {
    local mongod
    mongod="$(.venv/bin/python -c \
        'from csms.mongod_program import find_mongod; print(find_mongod(None))' 2>/dev/null)" ||
        return 0
    case "$("$mongod" --version 2>&1)" in
        *libcurl.so.4*)
            system_package libcurl4 "The MongoDB that comes with csms needs libcurl4" || true ;;
    esac
}

pip_install() {
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"
}

# Install the package with these extras, unless the last install was of the same.
install_package() {
    local extras="$1" state
    .venv/bin/python -m pip --version >/dev/null 2>&1 || make_venv
    state="$({ cat setup.cfg pyproject.toml requirements*.lock; pwd; .venv/bin/python --version; } |
        cksum)"
    case "$(cat .venv/installed 2>/dev/null)" in
        "$state $extras" | "$state $extras,"*) return ;;
    esac
    say "Installing csms into .venv; the first time takes a minute ..."
    # The locked versions first, each file as its hash says; then the package, and what only tests
    # need.
    pip_install --require-hashes -r requirements.lock -r requirements-embedded.lock &&
        pip_install -e ".[$extras]" ||
        fail "The packages could not be installed: see above."
    check_mongod
    echo "$state $extras" >.venv/installed
}

# Install a program that the tests start into a virtual environment of its own: .venv/NAME
install_apart() {
    local name="$1" requirement="$2"
    [ "$(cat ".venv/$name/installed" 2>/dev/null)" = "$requirement" ] && return
    say "Installing $name for the tests ..."
    .venv/bin/python -m venv --clear ".venv/$name"
    ".venv/$name/bin/python" -m pip install --quiet --disable-pip-version-check "$requirement" ||
        fail "$name could not be installed: see above."
    echo "$requirement" >".venv/$name/installed"
}

# Install what locks, builds and describes a release: .venv/release
install_release_tools() {
    local state
    .venv/bin/python -m pip --version >/dev/null 2>&1 || make_venv
    state="$({ cat requirements-release.lock; .venv/bin/python --version; } | cksum)"
    [ "$(cat .venv/release/installed 2>/dev/null)" = "$state" ] && return
    say "Installing the tools for releases ..."
    .venv/bin/python -m venv --clear .venv/release
    .venv/release/bin/python -m pip install --quiet --disable-pip-version-check \
        --require-hashes -r requirements-release.lock ||
        fail "The tools for releases could not be installed: see above."
    echo "$state" >.venv/release/installed
}
