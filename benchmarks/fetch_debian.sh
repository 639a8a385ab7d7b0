#!/bin/sh
# usage: fetch_debian.sh PACKAGE FOLDER_INSIDE TARGET
# Downloads a Debian package, verified by apt, and unpacks one of its folders; installs nothing.
set -eu
if [ $# -ne 3 ]; then
    echo "usage: fetch_debian.sh PACKAGE FOLDER_INSIDE TARGET" >&2
    exit 2
fi
package=$1 inside=$2 target=$3
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "fetch_debian.sh: needs apt-get and dpkg-deb (Debian or a descendant); without them," \
         "unpack $inside of Debian's package $package into $target by hand" >&2
    exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$package")
dpkg-deb --extract "$work"/*.deb "$work/root"
mkdir -p "$(dirname "$target")"
mv "$work/root/$inside" "$target"
