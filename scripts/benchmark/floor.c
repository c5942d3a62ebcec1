/* The floor under every launcher: the system calls that no launch of a pod can do without, and nothing else.
 *
 * usage: floor launch|exec ROOT
 *
 * launch: six new namespaces, two sysctls, ROOT read-only with a procfs and a /dev of its own, pivot_root, an empty bounding
 *         set, uid and gid 1000, and `true`
 * exec:   join the namespaces of such a pod that runs already, fork into it, give up the same, and `true`
 *
 * A line on standard input asks for one of them; its time in nanoseconds, from the first system call to the reaping, is the
 * line on standard output. So a benchmark can take its turns. End of file ends it, and with it the pod of `exec`. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NAMESPACES = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP };
enum { USER = 1000 };

static const char *root;

static void must(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "floor: Can't %s: %s\n", what, strerror(errno));
        _exit(125);
    }
}

static int64_t now(void)
{
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return (int64_t)moment.tv_sec * 1000000000 + moment.tv_nsec;
}

static void write_sysctl(const char *path, const char *value)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    must(file, path);
    must((int)write(file, value, strlen(value)), path);
    close(file);
}

static const char *below_root(const char *path)
{
    static char whole[4096];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    return whole;
}

static void enter_sandbox(void)
{
    write_sysctl("/proc/sys/net/core/somaxconn", "1024");
    write_sysctl("/proc/sys/kernel/msgmax", "65536");
    must(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), "make / private");
    must(mount(root, root, NULL, MS_BIND | MS_REC, NULL), "bind the root");
    must(mount("proc", below_root("/proc"), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "mount /proc");
    must(mount("tmpfs", below_root("/dev"), "tmpfs", MS_NOSUID, "mode=755,size=64k"), "mount /dev");
    must(mount(NULL, root, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), "make the root read-only");
    must(chdir(root), "enter the root");
    must((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
    must(umount2(".", MNT_DETACH), "detach the old root");
    must(chdir("/"), "enter /");
}

static void become_true(void)
{
    char *argv[] = {"true", NULL}, *environment[] = {NULL};
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
        must(prctl(PR_CAPBSET_DROP, capability), "drop a capability");
    must(setgroups(0, NULL), "drop groups");
    must(setresgid(USER, USER, USER), "set the gid");
    must(setresuid(USER, USER, USER), "set the uid");
    execve("/bin/true", argv, environment);
    must(-1, "execute /bin/true");
}

static void reap(pid_t child, const char *what)
{
    int status;
    must(waitpid(child, &status, 0), "wait");
    if (status != 0) {
        fprintf(stderr, "floor: %s ended with wait status %d\n", what, status);
        exit(125);
    }
}

static pid_t clone_sandbox(void)
{
    pid_t child = (pid_t)syscall(SYS_clone, NAMESPACES | SIGCHLD, NULL, NULL, NULL, NULL);
    must(child, "make namespaces");
    return child;
}

static void launch(void)
{
    pid_t child = clone_sandbox();
    if (child == 0) {
        enter_sandbox();
        become_true();
    }
    reap(child, "the launch");
}

static int start_pod(void)
{
    int ready[2];
    char byte;
    must(pipe2(ready, O_CLOEXEC), "make a pipe");
    pid_t child = clone_sandbox();
    if (child == 0) {
        must(prctl(PR_SET_PDEATHSIG, SIGKILL), "bind the pod to its maker");
        enter_sandbox();
        must((int)write(ready[1], "", 1), "say that it runs");
        for (;;)
            pause();
    }
    close(ready[1]);
    must(read(ready[0], &byte, 1) == 1 ? 0 : -1, "start the pod");
    close(ready[0]);
    int pod = (int)syscall(SYS_pidfd_open, child, 0);
    must(pod, "open the pod");
    return pod;
}

static void execute_in(int pod)
{
    pid_t joiner = fork();
    must(joiner, "fork");
    if (joiner == 0) {
        must(setns(pod, NAMESPACES), "join");
        pid_t child = fork();
        must(child, "fork");
        if (child == 0)
            become_true();
        reap(child, "the program");
        _exit(0);
    }
    reap(joiner, "the joiner");
}

int main(int argc, char **argv)
{
    char line[16];
    if (argc != 3)
        return 2;
    root = argv[2];
    int pod = strcmp(argv[1], "exec") == 0 ? start_pod() : -1;
    while (fgets(line, sizeof line, stdin)) {
        int64_t began = now();
        if (pod >= 0)
            execute_in(pod);
        else
            launch();
        printf("%lld\n", (long long)(now() - began));
        fflush(stdout);
    }
    return 0;
}
