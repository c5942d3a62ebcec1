#!/bin/bash
# Stands in for a Python while the set-up is tested: answers what scripts/setup.sh asks, and writes down what it has to do.
#
# FAKE_LOG: where to; FAKE_VERSION: old makes it too old; FAKE_MISSING: modules that cannot be imported; FAKE_VENV and
# FAKE_PIP: fail, or die (as by Ctrl-C, half way), or wait (until FAKE_LOG.go is there).
note() { echo "$*" >>"$FAKE_LOG"; }
misbehave() {
    case $1 in
    fail) echo "the real reason" >&2; exit 1 ;;
    die) kill -INT 0; sleep 10 ;;
    wait) : >"$FAKE_LOG.waiting"; until [[ -e $FAKE_LOG.go ]]; do sleep 0.02; done ;;
    esac
}
[[ $1 == -I ]] && shift
[[ $1 == -S ]] && shift
case $1:$2 in
-c:*version_info*) [[ ${FAKE_VERSION:-} != old ]] && realpath "$0" ;;
-c:*python_version*) echo 3.10.4 ;;
-c:*ensurepip*) [[ ${FAKE_MISSING:-} != *ensurepip* ]] ;;
-c:*Python.h*) [[ ${FAKE_MISSING:-} != *Python.h* ]] ;;
-c:*prctl*) [[ -e ${0%/*}/../installed ]] ;;
-c:*import\ pip*) [[ -e ${0%/*}/../pip ]] ;;
-c:*tomllib*) echo "click>=8.1" ;;
-m:venv)
    venv=${*: -1}
    note venv
    rm -rf "$venv"
    mkdir -p "$venv/bin" "$venv/lib/python3.11/site-packages"
    cp "$0" "$venv/bin/python"
    : >"$venv/pip"
    misbehave "${FAKE_VENV:-}"
    ;;
-m:pip)
    note "pip ${*: -1}"
    misbehave "${FAKE_PIP:-}"
    : >"${0%/*}/../installed"
    ;;
*) echo "ran: $*" ;;
esac
