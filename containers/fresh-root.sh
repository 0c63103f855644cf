#!/usr/bin/env bash
# Prove the set-up: in a Debian 12 root made by debootstrap, with nothing but git and make, clone this checkout's
# HEAD and run make targets as a newcomer would.
#
# Usage (as root): containers/fresh-root.sh [MAKE_TARGET ...]        default: test demo
#
# The root is a scratch folder under TMPDIR, removed at the end. All that runs in it has mounts, processes and
# /dev/shm of its own, which end with it: the host keeps none, however this ends.
set -euo pipefail
checkout=$(cd "$(dirname "$0")/.." && pwd)
suite=bookworm
# shellcheck source=containers/debian-root.sh
source "$checkout/containers/debian-root.sh"

# A command in the root, with nothing of the caller's environment but the way to package sources.
in_root() {
    local network
    mapfile -t network < <(proxies)
    chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        LANG=C.UTF-8 "${pip[@]}" "${network[@]}" "$@"
}

clone() {
    git -c safe.directory="$checkout" -C "$checkout" bundle create --quiet "$root/srv/metagen.bundle" HEAD
    in_root git -c advice.detachedHead=false clone --quiet /srv/metagen.bundle /srv/metagen
}

describe() {
    say "Debian $(cat "$root/etc/debian_version"), $(chroot "$root" dpkg-query -W | wc -l) packages," \
        "python3: $(chroot "$root" sh -c 'command -v python3 || echo none')"
    say "commit $(in_root git -C /srv/metagen log -1 --format='%h %s'), pip settings: ${pip[*]:-none}"
}

prove() {
    local target status=0
    trap print_timings EXIT
    timed "debootstrap $suite with git, make and ca-certificates" \
        make_root "$root" $suite git,make,ca-certificates
    mount_system "$root"
    take_over_apt "$root" $suite
    take_over_certificates "$root"
    mapfile -t pip < <(pip_settings)
    show_local_sources "$root" "${pip[@]}"
    timed "git clone of HEAD" clone
    describe
    for target in "$@"; do
        timed "make $target" in_root make --no-print-directory -C /srv/metagen "$target" || status=1
    done
    return $status
}

[ $# -gt 0 ] || set -- test demo
if [ -n "${SCRATCH:-}" ]; then
    root=$SCRATCH/root
    prove "$@"
else
    prepare_host
    run_inside "$@"
fi
