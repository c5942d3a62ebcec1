# shellcheck shell=bash
# The set-up that scripts/ecirun and scripts/test share: source it, then call `set_up` with the extras that are wanted.
#
# It keeps a virtual environment in .venv of the checkout. A stamp in there holds the pyproject.toml that it was made
# for; as long as the two are equal nothing is started at all, so that the usual case costs a few milliseconds.
# Everything said here goes to stderr and nothing reads stdin: both belong to the command that runs afterwards.

here=${BASH_SOURCE[0]%/*}
[[ $here == /* ]] || here=$PWD/$here
checkout=${here%/scripts}
# Called from an odd place: ask the system, which costs a process.
[[ $checkout != "$here" ]] || checkout=$(CDPATH='' cd -P -- "$here/.." && pwd -P)
venv=$checkout/.venv

say() { printf 'ecirun: set-up: %s\n' "$*" >&2; }

give_up() {
    printf 'ecirun: error: %s\n' "$1" >&2
    [[ -z ${2:-} ]] || printf '    hint: %s\n' "$2" >&2
    exit 125
}

# set_up [EXTRA]: leaves $venv/bin/python able to run ecirun (and with extra `dev`, its tests).
set_up() {
    is_ready "${1:-}" || make_ready "${1:-}" </dev/null >&2
}

# The stamp is compared by content: a checkout of another branch changes times, and a hash would cost a process.
is_ready() {
    local wanted='' found=''
    [[ -x $venv/bin/python && -r $venv/.ready${1:+-$1} ]] || return 1
    IFS= read -r -d '' wanted <"$checkout/pyproject.toml" || :
    IFS= read -r -d '' found <"$venv/.ready${1:+-$1}" || :
    [[ -n $wanted && $wanted == "$found" ]]
}

# The whole set-up runs in a subshell that holds a lock on the checkout's folder itself: no lock file to leave behind,
# no descriptor to leak into ecirun. Whoever waited for another's set-up finds it done.
make_ready() (
    umask 022
    trap 'say "interrupted; the next start goes on from here"; exit 130' INT
    exec 9<"$checkout"
    flock --nonblock 9 || { say "waiting for another set-up of $checkout"; flock 9; }
    ! is_ready "$1" || exit 0
    [[ -w $checkout ]] || give_up "Can't create $venv: the checkout is not writable" \
        "run this once as its owner, or copy the checkout to a place of your own"
    [[ ! -e $venv || -w $venv ]] || give_up "Can't change $venv: it belongs to $(stat -c %U -- "$venv")" \
        "run this once as that user, or remove the folder"
    local python
    if [[ -n ${ECIRUN_PYTHON:-} ]]; then
        python=$(new_enough "$ECIRUN_PYTHON") || give_up "Can't use ECIRUN_PYTHON=$ECIRUN_PYTHON: it is no Python from 3.11 on" \
            "set it to the path of one, or unset it"
    else
        python=$(find_python) || { install_python && python=$(find_python); } || give_up "Can't find Python 3.11 or newer" \
            "install it, or set ECIRUN_PYTHON to its path"
    fi
    install_for_building "$python"
    create_venv "$python"
    install_dependencies "$1"
)

find_python() {
    local name
    for name in python3 python3.1{4,3,2,1}; do
        new_enough "$name" && return
    done
    return 1
}

# Prints the real path of a Python if it is new enough. The real path names its version (python3.11), so that a .venv
# seen from another machine with another default Python is noticed as broken rather than half used.
new_enough() {
    "$1" -I -c '
import os, sys
sys.version_info >= (3, 11) or sys.exit(1)
print(os.path.realpath(sys.executable))' 2>/dev/null 9<&-
}

# On a release whose python3 is too old (Ubuntu 22.04 has 3.10) a newer one may be packaged beside it.
install_python() {
    local found package version packages=()
    found=$(python3 -I -c 'import platform; print(platform.python_version())' 2>/dev/null) || found=none
    say "Python 3.11 or newer is needed, python3 here is: $found"
    command -v apt-get >/dev/null || return 0
    [[ $(id -u) != 0 ]] || apt_lists_exist || apt_update
    for package in python3 python3.1{4,3,2,1}; do
        # A name that apt does not know is an expression to it, and python3.14 fits postgresql-plpython3-14.
        version=$(LC_ALL=C apt-cache policy "$package" 2>/dev/null | sed -n "1{/^$package:\$/!q}; s/^ *Candidate: //p")
        [[ -n $version && $version != '(none)' ]] || continue
        dpkg --compare-versions "$version" ge 3.11~ || continue
        # All at once: whoever has to run the command with sudo is told of one command.
        building_packages
        apt_install "$package" "$package-venv" "$package-dev" "${packages[@]}"
        return
    done
}

# What a venv needs, and what pip needs to build python-prctl, of which there are no wheels.
install_for_building() {
    local python=$1 packages=() prefix
    prefix=$(basename "$python")
    "$venv/bin/python" -I -c 'import pip, prctl' 2>/dev/null && return
    "$python" -I -c 'import ensurepip' 2>/dev/null || packages+=("$prefix-venv")
    "$python" -I -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || packages+=("$prefix-dev")
    building_packages
    [[ ${#packages[@]} == 0 ]] && return
    command -v apt-get >/dev/null || give_up "Can't build python-prctl: missing what Debian calls ${packages[*]}" \
        "install these with this system's package manager"
    apt_install "${packages[@]}"
}

# Adds to the caller's `packages` what a C extension needs to be built.
building_packages() {
    command -v gcc >/dev/null || packages+=(gcc)
    [[ -e /usr/include/stdio.h ]] || packages+=(libc6-dev)
    [[ -e /usr/include/sys/capability.h ]] || packages+=(libcap-dev)
}

# install_programs PACKAGE:PROGRAM...: installs the packages whose programs are missing. Only where ECIRUN_MUST_RUN=1 is it an
# error that this cannot be done.
install_programs() {
    local pair packages=()
    for pair; do
        command -v "${pair#*:}" >/dev/null || packages+=("${pair%:*}")
    done
    [[ ${#packages[@]} == 0 ]] && return
    if [[ -z ${ECIRUN_MUST_RUN:-} ]] && ! { [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; }; then
        say "tests that need ${packages[*]} will be skipped: sudo apt-get install ${packages[*]}"
        return
    fi
    (apt_install "${packages[@]}") </dev/null >&2 || [[ -z ${ECIRUN_MUST_RUN:-} ]] || exit 125
}

apt_lists_exist() { compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null; }
apt_update() {
    say "apt-get update"
    apt_get update || say "apt-get update failed; going on with what is known"
}

apt_install() {
    local command="apt-get install -y --no-install-recommends $*"
    [[ $(id -u) == 0 ]] || give_up "Can't install $*: not root" "run: sudo $command"
    apt_lists_exist || apt_update
    say "$command"
    # The lists may be older than what the mirror still offers.
    apt_get install -y --no-install-recommends "$@" 2>/dev/null && return
    apt_update
    # The last of its messages say what is wrong; without a network there is one for each package.
    apt_get install -y --no-install-recommends "$@" 2>&1 | tail -n 3 >&2 ||
        give_up "Can't install $*: apt-get failed" "see its messages above; without a network, install these by hand"
}

# Its progress is of no interest, its errors are. Another apt-get at work, such as a fresh machine's first upgrade, is waited
# for. Descriptor 9 is the lock, which no service started by a package may keep.
apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@" >/dev/null 9<&-
}

# Its last step makes the .pth file: an environment without it was left half made.
create_venv() {
    local site
    compgen -G "$(printf %q "$venv")/lib/python3.*/site-packages/ecirun-checkout.pth" >/dev/null &&
        "$venv/bin/python" -I -c 'import pip' 2>/dev/null && return
    say "creating $venv with $1"
    "$1" -I -m venv --clear "$venv" 2>&1 9<&- | tail -n 3 >&2 ||
        give_up "Can't create $venv: python -m venv failed" "see its messages above"
    # Makes the checkout importable, by a path that stays right when the checkout moves. PYTHONPATH would do it too,
    # but every process that ecirun starts would inherit it.
    for site in "$venv"/lib/python3.*/site-packages; do
        echo ../../../.. >"$site/ecirun-checkout.pth"
    done
}

install_dependencies() {
    local wanted project
    # Read once and stamped as read: an edit of pyproject.toml meanwhile is found next time.
    IFS= read -r -d '' project <"$checkout/pyproject.toml" || :
    mapfile -t wanted < <("$venv/bin/python" -I -c '
import sys, tomllib
project = tomllib.loads(sys.argv[1])["project"]
print(*project["dependencies"], *project["optional-dependencies"].get(sys.argv[2], []), sep="\n")' "$project" "$1")
    [[ ${#wanted[@]} != 0 ]] || give_up "Can't read the dependencies in $checkout/pyproject.toml"
    say "installing ${wanted[*]}"
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_USER=0 \
        "$venv/bin/python" -I -m pip -qq install --retries 2 --no-input --prefer-binary "${wanted[@]}" 9<&- ||
        give_up "Can't install ecirun's dependencies: pip failed" "see its messages above; it needs a network this once"
    local stamp
    stamp=$venv/.ready${1:+-$1}
    printf '%s' "$project" >"$stamp.$BASHPID"
    mv -f -- "$stamp.$BASHPID" "$stamp"
}
