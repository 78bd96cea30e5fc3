# A machine of its own for systemd, with the network of this one: called as root in name spaces of mounts, processes,
# cgroups, IPC and host names. $1 is a directory for what the test and the machine both see. Ends as process 1.
set -eu

mount -t proc proc /proc
# What the kernel has for all machines stays as it is.
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys

mount -t tmpfs tmpfs /sys/fs/cgroup
mkdir /sys/fs/cgroup/systemd /sys/fs/cgroup/unified
mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified

for place in /run /var/lib /var/log /var/cache; do
    mount -t tmpfs tmpfs "$place"
done
mkdir -p "$1/etc" "$1/releases" /var/lib/goma /run/lock
mount --bind "$1/etc" /etc/systemd/system
mount --bind "$1/releases" /var/lib/goma

# All targets that a service refers to, and none of this machine's units.
mkdir /run/targets
for target in basic multi-user network-online rescue shutdown sysinit; do
    printf '[Unit]\nDefaultDependencies=no\n' > "/run/targets/$target.target"
done
export container=goma SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/systemd/system:/run/targets
export SYSTEMD_GENERATOR_PATH=/run/targets
exec /lib/systemd/systemd --system --unit=multi-user.target --log-target=null
