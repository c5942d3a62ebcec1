/*
 * Makes system calls one by one and says how each ended: what busybox has no applet for, and what a hostile image would try.
 *
 *     syscalls STEP... [exec PROGRAM ARGUMENT...]
 *
 * A step is NAME or NAME=ARGUMENT,... and prints `NAME: ok` or `NAME: <reason>`. The exit code is the number of steps that failed;
 * the program runs only if none did.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    int failed = fd < 0 || write(fd, text, strlen(text)) < 0;
    if (fd >= 0)
        close(fd);
    return failed ? -1 : 0;
}

/* A user namespace of its own in which this process is root, with namespaces that belong to it. */
static int become_root_of_a_user_namespace(void)
{
    unsigned uid = geteuid(), gid = getegid();
    char map[32];
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
        return -1;
    put("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %u 1", uid);
    if (put("/proc/self/uid_map", map) < 0)
        return -1;
    snprintf(map, sizeof map, "0 %u 1", gid);
    return put("/proc/self/gid_map", map);
}

static int bind_port(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd < 0 ? -1 : bind(fd, (struct sockaddr *)&address, sizeof address);
}

/* An abstract Unix socket of the network namespace. */
static int connect_abstract(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
    return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, sizeof(sa_family_t) + 1 + strlen(name));
}

/* cap_net_raw in the file's permitted and effective sets. */
static int set_file_capability(const char *path)
{
    struct vfs_cap_data data = {.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE};
    data.data[0].permitted = 1 << CAP_NET_RAW;
    return setxattr(path, "security.capability", &data, sizeof data, 0);
}

static int type_into_terminal(int fd, const char *text)
{
    for (; *text; text++)
        if (ioctl(fd, TIOCSTI, text) < 0)
            return -1;
    return 0;
}

static int set_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return clock_settime(CLOCK_REALTIME, &now);
}

static int mount_at(const char *type, const char *target, const char *data)
{
    return mount("none", target, type, 0, data);
}

static int step(const char *name, char **a)
{
#define IS(word) (strcmp(name, word) == 0)
#define NUMBER(n) strtol(a[n] ? a[n] : "0", NULL, 0)
    if (IS("userns"))
        return become_root_of_a_user_namespace();
    if (IS("mount"))
        return mount_at(a[0], a[1], a[2]);
    if (IS("remount"))
        return mount(NULL, a[0], NULL, MS_REMOUNT | MS_BIND, NULL);
    if (IS("umount"))
        return umount2(a[0], MNT_DETACH);
    if (IS("mkdir"))
        return mkdir(a[0], 0755);
    if (IS("mknod"))
        return mknod(a[0], (*a[1] == 'b' ? S_IFBLK : S_IFCHR) | 0666, makedev(NUMBER(2), NUMBER(3)));
    if (IS("open"))
        return open(a[0], O_RDONLY);
    if (IS("openat"))
        return openat(NUMBER(0), a[1], O_RDONLY);
    if (IS("write"))
        return put(a[0], a[1]);
    if (IS("chroot"))
        return chroot(a[0]);
    if (IS("fchmod"))
        return fchmod(NUMBER(0), NUMBER(1));
    if (IS("fchown"))
        return fchown(NUMBER(0), NUMBER(1), -1);
    if (IS("setsid"))
        return setsid();
    if (IS("tiocsctty"))
        return ioctl(NUMBER(0), TIOCSCTTY, 0);
    if (IS("tiocsti"))
        return type_into_terminal(NUMBER(0), a[1]);
    if (IS("keyadd"))
        return syscall(SYS_add_key, "user", a[1], "x", 1, NUMBER(0));
    if (IS("keysearch"))
        return syscall(SYS_keyctl, KEYCTL_SEARCH, NUMBER(0), "user", a[1], 0);
    if (IS("rawsocket"))
        return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    if (IS("pingsocket"))
        return socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
    if (IS("bind"))
        return bind_port(NUMBER(0));
    if (IS("abstract"))
        return connect_abstract(a[0]);
    if (IS("shmget"))
        return shmget(NUMBER(0), 1, 0);
    if (IS("setuid"))
        return setuid(NUMBER(0));
    if (IS("setgid"))
        return setgid(NUMBER(0));
    if (IS("dropbound"))
        return prctl(PR_CAPBSET_DROP, NUMBER(0), 0, 0, 0);
    if (IS("setfcap"))
        return set_file_capability(a[0]);
    if (IS("ptrace"))
        return ptrace(PTRACE_SEIZE, NUMBER(0), 0, 0);
    if (IS("kill"))
        return kill(NUMBER(0), NUMBER(1));
    if (IS("sethostname"))
        return sethostname(a[0], strlen(a[0]));
    if (IS("reboot"))
        return reboot(RB_DISABLE_CAD);
    if (IS("settime"))
        return set_clock();
#ifdef SYS_iopl
    if (IS("iopl"))
        return syscall(SYS_iopl, 3);
#endif
    if (IS("setns")) {
        int fd = open(a[0], O_RDONLY);
        return fd < 0 ? -1 : setns(fd, 0);
    }
    if (IS("renice"))
        return setpriority(PRIO_PROCESS, 0, NUMBER(0));
    if (IS("ids")) {
        printf("uid %d euid %d gid %d egid %d\n", getuid(), geteuid(), getgid(), getegid());
        return 0;
    }
    errno = ENOSYS;
    return -1;
}

int main(int count, char **words)
{
    int failures = 0;
    setvbuf(stdout, NULL, _IONBF, 0);
    for (int at = 1; at < count; at++) {
        if (strcmp(words[at], "exec") == 0) {
            if (failures)
                return failures;
            execvp(words[at + 1], words + at + 1);
            printf("exec: %s\n", strerror(errno));
            return failures + 1;
        }
        char *arguments[6] = {NULL}, *rest = words[at], *name = strsep(&rest, "=");
        for (int index = 0; rest && index < 5; index++)
            arguments[index] = strsep(&rest, ",");
        errno = 0;
        int failed = step(name, arguments) < 0;
        printf("%s: %s\n", name, failed ? strerror(errno) : "ok");
        failures += failed;
    }
    return failures;
}
