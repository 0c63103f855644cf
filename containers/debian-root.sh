# shellcheck shell=bash
# For scripts that make Debian roots: a scratch folder and a process namespace that end with the script, roots by
# debootstrap, and the host's way to package sources (apt's mirror and settings, pip's settings and local folders,
# proxies, certificates), read at run time. Sourced by fresh-root.sh and image-test.sh.
export DEBIAN_FRONTEND=noninteractive

# The settings of pip that say where packages come from; all others are the host's own business.
PIP_SOURCES="index_url extra_index_url find_links no_index trusted_host cert client_cert proxy"
PIP_SOURCES+=" timeout default_timeout retries"

say() {
    echo "$(basename "$0" .sh): $*" >&2
}

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

print_timings() {
    printf '%s\n' "" "$(basename "$0" .sh): done" "${timings[@]}" >&2
}

prepare_host() {
    [ "$(id -u)" = 0 ] || { say "needs root (chroot, mounts): sudo -E $0"; exit 1; }
    command -v debootstrap >/dev/null && return
    say "installing debootstrap"
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends debootstrap >&2
}

# Run this script again, with SCRATCH set, where mounts and processes are its own: all of them end with the
# namespace's first process.
run_inside() {
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/$(basename "$0" .sh).XXXXXX")
    SCRATCH=$scratch unshare --mount --pid --fork --kill-child --mount-proc "$0" "$@" &
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

# apt_sources SUITE: the host's lines for it, security and updates included.
apt_sources() {
    # shellcheck disable=SC2016  # these are apt's variables
    apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
        grep -E " $1(-updates|-security)? " || true
}

# make_root FOLDER SUITE PACKAGES: from the mirror that the host uses for its own release.
make_root() {
    local mirror
    mirror=$(apt_sources "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" | awk '{print $2; exit}')
    debootstrap --variant=minbase --include="$3" "$2" "$1" ${mirror:+"$mirror"} >"$1.log" ||
        { tail -n 20 "$1.log" >&2; return 1; }
}

# take_over_apt FOLDER SUITE
take_over_apt() {
    local sources
    sources=$(apt_sources "$2")
    [ -z "$sources" ] || echo "$sources" >"$1/etc/apt/sources.list"
    apt-config dump Acquire >"$1/etc/apt/apt.conf.d/90host"
    [ ! -d /etc/apt/auth.conf.d ] || cp -a /etc/apt/auth.conf.d "$1/etc/apt/"
}

# take_over_certificates FOLDER
take_over_certificates() {
    [ ! -d /usr/local/share/ca-certificates ] || cp -rL /usr/local/share/ca-certificates "$1/usr/local/share/"
    chroot "$1" env --unset=TMPDIR update-ca-certificates >/dev/null 2>&1
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

# local_sources SETTING ...: the local folders and files that pip's settings name. A local index links to files beside
# it, so the folder that holds it counts.
local_sources() {
    local setting word path
    for setting in "$@"; do
        for word in ${setting#*=}; do
            path=${word#file://}
            [[ $setting != *INDEX_URL=* ]] || path=$(dirname "$path")
            [[ $path != /?* || ! -e $path ]] || echo "$path"
        done
    done | sort -u
}

# show_local_sources FOLDER SETTING ...: they exist in the root too, read-only.
show_local_sources() {
    local root=$1 path
    shift
    for path in $(local_sources "$@"); do
        [ ! -e "$root$path" ] || continue
        mkdir -p "$root$(dirname "$path")"
        if [ -d "$path" ]; then
            mkdir "$root$path"
            mount --bind "$path" "$root$path"
            mount -o remount,bind,ro "$root$path"
        else
            cp "$path" "$root$path"
        fi
    done
}

# mount_system FOLDER
mount_system() {
    mount -t proc proc "$1/proc"
    mount --rbind /sys "$1/sys"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs shm "$1/dev/shm"
    cp /etc/hosts "$1/etc/hosts"
}

# The lines NAME=value of the environment that say how to reach the network.
proxies() {
    env | grep -iE '^(https?|ftp|no|all)_proxy=' || true
}
