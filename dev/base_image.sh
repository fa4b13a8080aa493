#!/bin/sh
# Makes a base image of Debian's own packages for the Dockerfile, where no container registry can be reached.
# Needs root, debootstrap and buildah: sh dev/base_image.sh NAME [SUITE [MIRROR]]
set -eu
name=$1 suite=${2:-bookworm} mirror=${3:-}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv "$suite" "$root" ${mirror:+"$mirror"}
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
container=$(buildah from scratch)
buildah copy --quiet "$container" "$root" / >/dev/null
buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd python3 "$container"
buildah commit --quiet --rm "$container" "$name"
