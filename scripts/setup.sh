# Sourced by scripts/headroom, scripts/test and scripts/checks: finds a Python, makes .venv in the project root, installs.
# Written for bash 3.2, which is what macOS ships. All messages go to stderr.

say() { printf 'headroom: %s\n' "$*" >&2; }

# probe PYTHON: prints "STATE VERSION"; fails where it can't be started (a shim without a version behind it, Python 2).
# STATE: ok; new (newer than the versions that constraints.txt was tried with); old; other (not CPython with a GIL); bare (no ensurepip).
probe() {
    "$1" -I -c '
import sys
version = sys.version_info[:3]
if version < (3, 12):
    state = "old"
elif sys.implementation.name != "cpython" or "t" in sys.abiflags:
    state = "other"
else:
    try:
        import ensurepip, venv
        state = "ok" if version < (3, 15) else "new"
    except ImportError:
        state = "bare"
print(state, ".".join(map(str, version)))
' 2>/dev/null
}

# candidates: one interpreter path a line, in the order in which they are tried.
candidates() {
    local name versions
    for name in python3 python3.14 python3.13 python3.12 python; do
        type -ap "$name" || true
    done
    versions=${PYENV_ROOT:-$HOME/.pyenv}/versions
    for name in "$versions"/3.14* "$versions"/3.13* "$versions"/3.12* "$versions"/*; do
        if [ -x "$name/bin/python" ]; then printf '%s\n' "$name/bin/python"; fi
    done
    if type uv >/dev/null 2>&1; then
        uv python find --system --no-project '>=3.12,<3.15' 2>/dev/null || true
    fi
}

# find_python: sets PYTHON to the first that fits and PYTHON_VERSION; else fails, and WHY_NOT says what was found instead.
find_python() {
    local path found state version
    PYTHON='' PYTHON_VERSION='' WHY_NOT=''
    while IFS= read -r path; do
        found=$(probe "$path" </dev/null) || continue
        state=${found%% *} version=${found##* }
        case $state in
            ok)
                PYTHON=$path PYTHON_VERSION=$version
                return 0
                ;;
            new) if [ -z "$PYTHON" ]; then PYTHON=$path PYTHON_VERSION=$version; fi ;;
            bare) WHY_NOT="$path is $version but has no ensurepip: on Debian and Ubuntu, apt install python${version%.*}-venv" ;;
            *) if [ -z "$WHY_NOT" ]; then WHY_NOT="found only $path, $version"; fi ;;
        esac
    done <<END
$(candidates)
END
    if [ -n "$PYTHON" ]; then return 0; fi
    if [ -z "$WHY_NOT" ]; then WHY_NOT='none found'; fi
    return 1
}

# uv_install_python: the last resort, where uv is there and may download.
uv_install_python() {
    type uv >/dev/null 2>&1 || return 1
    uv python install --quiet 3.13 >&2 || return 1
    PYTHON=$(uv python find --system --no-project 3.13 2>/dev/null) || return 1
    PYTHON_VERSION=3.13
}

# fingerprint ROOT EXTRA: what an install depends on, as one word; fails where .venv has no interpreter that starts.
fingerprint() {
    "$1/.venv/bin/python" -I -S -c '
import hashlib, sys
digest = hashlib.sha256(repr((sys.argv[1:], sys.version)).encode())
for name in ("pyproject.toml", "constraints.txt"):
    with open(f"{sys.argv[1]}/{name}", "rb") as file:
        digest.update(file.read())
print(digest.hexdigest())
' "$1" "$2" 2>/dev/null
}

# is_current ROOT EXTRA: .venv holds what pyproject.toml and constraints.txt ask for. The extra dev includes the others.
is_current() {
    local extra stamp
    for extra in "$2" dev; do
        if [ -f "$1/.venv/headroom-$extra.stamp" ]; then
            IFS= read -r stamp <"$1/.venv/headroom-$extra.stamp" || true
            if [ -n "$stamp" ] && [ "$stamp" = "$(fingerprint "$1" "$extra")" ]; then return 0; fi
        fi
    done
    return 1
}

# is_usable ROOT: .venv was made whole, here (its scripts hold absolute paths), by an interpreter that still starts.
is_usable() {
    local made_in=''
    [ -f "$1/.venv/headroom-root" ] && [ ! -e "$1/.venv/headroom-installing" ] || return 1
    IFS= read -r made_in <"$1/.venv/headroom-root" || true
    [ "$made_in" = "$1" ] || return 1
    "$1/.venv/bin/python" -I -c 'import sys, pip; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

# make_venv ROOT: a new, empty .venv.
make_venv() {
    if ! find_python && ! uv_install_python; then
        say "needs Python 3.12 or newer ($WHY_NOT). Install it (brew install python@3.13, apt install python3.13 python3.13-venv," \
            "pyenv install 3.13, or python.org's installer), then start this again."
        return 1
    fi
    say "setting up .venv with Python $PYTHON_VERSION, once; this takes a minute or two ..."
    rm -rf "$1/.venv"
    "$PYTHON" -I -m venv "$1/.venv" >&2 || {
        say "$PYTHON -m venv failed: see above"
        return 1
    }
    printf '%s\n' "$1" >"$1/.venv/headroom-root"
}

# pip_install ROOT ARGS...: pip of .venv, which says nothing but errors.
pip_install() (
    cd "$1" && shift
    unset PIP_TARGET PIP_PREFIX PIP_USER PYTHONHOME PYTHONPATH
    exec .venv/bin/python -m pip install -qq --no-input --disable-pip-version-check -c constraints.txt "$@" >&2
)

# install ROOT EXTRA: brings .venv to what is_current asks for. A run that is killed leaves headroom-installing behind,
# which makes the next one start from nothing; one that pip refuses (no network, say) leaves .venv as it was.
install() {
    local stamp
    rm -f "$1/.venv"/headroom-*.stamp
    if is_usable "$1"; then
        say "updating .venv ..."
    else
        make_venv "$1" || return 1
    fi
    : >"$1/.venv/headroom-installing"
    # The build backend is pinned like the rest, so the build happens in .venv itself.
    if pip_install "$1" hatchling && pip_install "$1" --no-build-isolation -e ".[$2]"; then
        stamp=$(fingerprint "$1" "$2")
        printf '%s\n' "$stamp" >"$1/.venv/headroom-$2.stamp"
        rm -f "$1/.venv/headroom-installing"
        return 0
    fi
    rm -f "$1/.venv/headroom-installing"
    say "the installation into $1/.venv failed: see above"
    return 1
}

# lock ROOT: waits until this process alone holds ROOT/.venv.lock, a folder with one file named by its owner's process id.
# Taking it: mkdir, then the file, then a look that no other file is there. So it is safe for anybody to remove the file of
# a dead owner, and to rmdir the folder while it is empty: who was about to fill it fails, and tries again.
lock() {
    local folder=$1/.venv.lock told='' owner waited=0
    until mkdir "$folder" 2>/dev/null && true 2>/dev/null >"$folder/owner.$$" && [ "$(ls "$folder")" = "owner.$$" ]; do
        rm -f "$folder/owner.$$"
        if ! is_writable "$1"; then
            say "can't write to $1"
            return 1
        fi
        for owner in "$folder"/owner.*; do
            if [ ! -e "$owner" ]; then continue; fi
            if kill -0 "${owner##*.}" 2>/dev/null; then
                if [ -z "$told" ]; then say "another set-up is running (process ${owner##*.}); waiting for it ..."; fi
                told=yes
            else
                rm -f "$owner"
            fi
        done
        if rmdir "$folder" 2>/dev/null; then continue; fi
        sleep 0.5
        waited=$((waited + 1))
        if [ $waited -ge "${LOCK_POLLS:-2400}" ]; then
            say "waited in vain for another set-up; if none is running, remove $folder"
            return 1
        fi
    done
}

is_writable() { [ -w "$1" ]; }

unlock() {
    rm -f "$1/.venv.lock/owner.$$"
    rmdir "$1/.venv.lock" 2>/dev/null || true
}

# ensure ROOT EXTRA: after it .venv is current, or it failed and has said why.
ensure() {
    if is_current "$1" "$2"; then return 0; fi
    (
        lock "$1" || exit 1
        locked=$1
        trap 'unlock "$locked"' EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM HUP
        # Somebody else may have done it meanwhile.
        is_current "$1" "$2" || install "$1" "$2"
    )
}
