#!/usr/bin/env bash
# Prove the images where there is neither Apptainer nor a registry of images: in a root of Debian's unstable suite,
# which has Apptainer, an ordinary user builds them on a Debian 12 root made by debootstrap, with the same build.sh and
# definitions; then their %test and %runscript run.
#
# Usage (as root, on Debian): containers/image-test.sh [IMAGE ...]        default: metagen.sif; also metagen-gpu.sif
#
# Roots and images are in a scratch folder under TMPDIR (10 GB), removed at the end.
set -euo pipefail
checkout=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=containers/debian-root.sh
source "$checkout/containers/debian-root.sh"

# Where pip's settings point on this machine: the builds see these folders too.
local_folders() {
    local path
    for path in $(local_sources "${pip[@]}"); do
        [ ! -d "$path" ] || echo "$path"
    done
}

# The settings as a file of pip's; of those that are given twice, the last counts.
pip_configuration() {
    local line name
    local -A values=()
    for line in "${pip[@]}"; do
        name=${line%%=*}
        name=${name#PIP_}
        values[${name//_/-}]=${line#*=}
    done
    echo "[global]"
    for name in "${!values[@]}"; do
        echo "${name,,} = ${values[$name]}"
    done
}

make_base() {
    make_root "$base" bookworm ca-certificates
    take_over_apt "$base" bookworm
    take_over_certificates "$base"
    rm -rf "${base:?}"/dev/* # a user's container cannot make devices
    pip_configuration >"$base/etc/pip.conf"
    local_folders | sed "s|^|$base|" | xargs -r mkdir -p
}

make_host() {
    make_root "$root" sid apptainer,ca-certificates,git,squashfuse,uidmap
    useradd --root "$root" --create-home builder
    mkdir "$root/srv/checkout" "$root/srv/base" "$root/srv/images"
    chown "$(stat -c %u "$root/home/builder")" "$root/srv/images"
    mount --bind "$root" "$root" # what Apptainer is started from must be a mount
    mount_system "$root"
    mknod -m 666 "$root/srv/fuse" c 10 229
    mount --bind "$root/srv/fuse" "$root/dev/fuse"
    show_local_sources "$root" "${pip[@]}"
    mount --bind "$checkout" "$root/srv/checkout"
    mount --bind "$base" "$root/srv/base"
}

# A command in that root, which becomes the file system's root (Apptainer refuses to run in a mere chroot).
in_root() {
    local network
    mapfile -t network < <(proxies)
    # shellcheck disable=SC2016  # for the inner shell
    unshare --mount bash -c 'cd "$1" && shift && mkdir -p .host && pivot_root . .host && umount -l /.host && exec "$@"' _ \
        "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        "${network[@]}" "$@"
}

# as_user COMMAND: in /srv/images.
as_user() {
    in_root su builder -c "cd /srv/images && $1"
}

build() {
    local options fast="-mem 512M -comp gzip -Xcompression-level 1"
    options=$(local_folders | sed 's/^/--bind /' | paste -sd ' ')
    [ "$1" != metagen.sif ] || options+=" --build-arg bootstrap=localimage --build-arg base=base.sif"
    as_user "/srv/checkout/containers/build.sh $1 --mksquashfs-args '$fast' $options" >"$SCRATCH/$1.log" 2>&1 ||
        { tail -n 40 "$SCRATCH/$1.log" >&2; return 1; }
}

prove() {
    local image
    trap print_timings EXIT
    mapfile -t pip < <(pip_settings)
    timed "debootstrap of Debian 12, what the image starts from" make_base
    timed "debootstrap of Debian's unstable suite with Apptainer" make_host
    say "$(as_user "apptainer --version"), as user $(as_user "id -un")"
    in_root apptainer --quiet build /srv/images/base.sif /srv/base
    for image in "$@"; do
        timed "build of $image, its %test included" build "$image"
        as_user "ls -lh $image && apptainer inspect $image"
        timed "%test of $image" as_user "apptainer test $image"
        timed "%runscript of $image" as_user "apptainer run $image table --help"
    done
}

[ $# -gt 0 ] || set -- metagen.sif
if [ -n "${SCRATCH:-}" ]; then
    base=$SCRATCH/base root=$SCRATCH/root
    prove "$@"
else
    prepare_host
    run_inside "$@"
fi
