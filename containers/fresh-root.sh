#!/usr/bin/env bash
# Prove the set-up: in a Debian 12 root made by debootstrap, with nothing but git and make, clone this checkout's
# HEAD and run make targets as a newcomer would.
#
# Usage (as root): containers/fresh-root.sh [MAKE_TARGET ...]        default: test demo
#
# The root is a scratch folder under TMPDIR, removed at the end. All that runs in it has mounts, processes and
# /dev/shm of its own, which end with it: the host keeps none, however this ends. How to reach package sources (apt's
# mirror and settings, pip's settings and local folders, proxies, certificates) is read from the host at run time.
set -euo pipefail
checkout=$(cd "$(dirname "$0")/.." && pwd)
suite=bookworm
export DEBIAN_FRONTEND=noninteractive

# The settings of pip that say where packages come from; all others are the host's own business.
PIP_SOURCES="index_url extra_index_url find_links no_index trusted_host cert client_cert proxy"
PIP_SOURCES+=" timeout default_timeout retries"

say() {
    echo "fresh root: $*" >&2
}

# --- on the host ---------------------------------------------------------------------------------------------

prepare_host() {
    [ "$(id -u)" = 0 ] || { say "needs root (chroot, mounts): sudo -E $0"; exit 1; }
    command -v debootstrap >/dev/null && return
    say "installing debootstrap"
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends debootstrap >&2
}

# Run this script again where mounts and processes are its own: all of them end with the namespace's first process.
run_inside() {
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/fresh-root.XXXXXX")
    FRESH_ROOT=$scratch/root unshare --mount --pid --fork --kill-child --mount-proc "$0" "$@" &
    namespace=$!
    trap clean_up EXIT
    local status=0
    wait "$namespace" || status=$?
    namespace=
    return $status
}

clean_up() {
    if [ -n "$namespace" ]; then
        kill -KILL "$namespace"
        wait "$namespace" 2>/dev/null || true
        sleep 1 # the kernel ends the other processes
    fi
    say "$(du -sh "$scratch" | cut -f1) on disk, removed"
    rm -rf --one-file-system "$scratch"
}

# --- inside: the host's files, but mounts and processes that nobody else sees ---------------------------------

timings=()

timed() {
    local what=$1 start=$SECONDS status=0
    shift
    say "$what"
    "$@" || status=$?
    [ $status = 0 ] || what+=": FAILED with status $status"
    timings+=("$(printf '%5d s  %s' $((SECONDS - start)) "$what")")
    return $status
}

apt_sources() {
    # shellcheck disable=SC2016  # these are apt's variables
    apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
        grep -E " $suite(-updates|-security)? " || true
}

make_root() {
    local mirror
    mirror=$(apt_sources | awk -v suite=$suite '$3 == suite {print $2; exit}')
    debootstrap --variant=minbase --include=git,make,ca-certificates $suite "$FRESH_ROOT" ${mirror:+"$mirror"} \
        >"$FRESH_ROOT.log" || { tail -n 20 "$FRESH_ROOT.log" >&2; return 1; }
}

take_over_apt() {
    local sources
    sources=$(apt_sources)
    [ -z "$sources" ] || echo "$sources" >"$FRESH_ROOT/etc/apt/sources.list"
    apt-config dump Acquire >"$FRESH_ROOT/etc/apt/apt.conf.d/90host"
    [ ! -d /etc/apt/auth.conf.d ] || cp -a /etc/apt/auth.conf.d "$FRESH_ROOT/etc/apt/"
}

take_over_certificates() {
    [ ! -d /usr/local/share/ca-certificates ] || cp -rL /usr/local/share/ca-certificates "$FRESH_ROOT/usr/local/share/"
    chroot "$FRESH_ROOT" update-ca-certificates >/dev/null 2>&1
}

# The host's pip settings as lines NAME=value: first those of its configuration files, then those of its environment.
pip_settings() {
    local name value
    {
        python3 -m pip config list 2>/dev/null | sed -nE "s/^(global|install)\.([a-z-]+)='(.*)'$/\2=\3/p"
        env | sed -nE 's/^PIP_([A-Z_]+)=(.*)$/\1=\2/p'
    } | while IFS='=' read -r name value; do
        name=${name,,}
        [[ " $PIP_SOURCES " == *" ${name//-/_} "* ]] || continue
        name=${name//-/_}
        echo "PIP_${name^^}=${value//\\n/ }"
    done
}

# Local folders and files that the settings name exist in the root too, read-only. A local index links to files
# beside it, so the folder that holds it is shown.
show_local_sources() {
    local setting word path
    for setting in "$@"; do
        for word in ${setting#*=}; do
            path=${word#file://}
            [[ $setting != *INDEX_URL=* ]] || path=$(dirname "$path")
            [[ $path == /?* && -e $path && ! -e $FRESH_ROOT$path ]] || continue
            mkdir -p "$FRESH_ROOT$(dirname "$path")"
            if [ -d "$path" ]; then
                mkdir "$FRESH_ROOT$path"
                mount --bind "$path" "$FRESH_ROOT$path"
                mount -o remount,bind,ro "$FRESH_ROOT$path"
            else
                cp "$path" "$FRESH_ROOT$path"
            fi
        done
    done
}

mount_system() {
    mount -t proc proc "$FRESH_ROOT/proc"
    mount --rbind /sys "$FRESH_ROOT/sys"
    mount --rbind /dev "$FRESH_ROOT/dev"
    mount -t tmpfs shm "$FRESH_ROOT/dev/shm"
    cp /etc/hosts "$FRESH_ROOT/etc/hosts"
}

# A command in the root, with nothing of the caller's environment but the way to package sources.
in_root() {
    local proxies
    mapfile -t proxies < <(env | grep -iE '^(https?|ftp|no|all)_proxy=' || true)
    chroot "$FRESH_ROOT" /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        LANG=C.UTF-8 "${pip[@]}" "${proxies[@]}" "$@"
}

clone() {
    git -c safe.directory="$checkout" -C "$checkout" bundle create --quiet "$FRESH_ROOT/srv/metagen.bundle" HEAD
    in_root git -c advice.detachedHead=false clone --quiet /srv/metagen.bundle /srv/metagen
}

describe() {
    say "Debian $(cat "$FRESH_ROOT/etc/debian_version"), $(chroot "$FRESH_ROOT" dpkg-query -W | wc -l) packages," \
        "python3: $(chroot "$FRESH_ROOT" sh -c 'command -v python3 || echo none')"
    say "commit $(in_root git -C /srv/metagen log -1 --format='%h %s'), pip settings: ${pip[*]:-none}"
}

prove() {
    local target status=0
    trap 'printf "%s\n" "" "fresh root: done" "${timings[@]}" >&2' EXIT
    timed "debootstrap $suite with git, make and ca-certificates" make_root
    mount_system
    take_over_apt
    take_over_certificates
    mapfile -t pip < <(pip_settings)
    show_local_sources "${pip[@]}"
    timed "git clone of HEAD" clone
    describe
    for target in "$@"; do
        timed "make $target" in_root make --no-print-directory -C /srv/metagen "$target" || status=1
    done
    return $status
}

[ $# -gt 0 ] || set -- test demo
if [ -n "${FRESH_ROOT:-}" ]; then
    prove "$@"
else
    prepare_host
    run_inside "$@"
fi
