/* Asks servers on Unix sockets and takes the time; the same work for each of them.
 *
 *   load new   ROUNDS SOCKET FILE [SOCKET FILE]...  a connection each, a thousand
 *                                                   of one target, then of the next
 *   load kept  ROUNDS SOCKET FILE [SOCKET FILE]...  the same on one connection
 *   load cold  ROUNDS SOCKET FILE [SOCKET FILE]...  a connection each, one of one
 *                                                   target, then one of the next
 *   load crowd THREADS REQUESTS SOCKET FILE         connections from many threads
 *   load burst CONNECTIONS SOCKET FILE              all opened before any is read
 *
 * FILE holds the bytes to send. The first three print a line "TARGET NANOSECONDS" for
 * every answer, the others one line "ANSWERED SECONDS". An answer counts if it holds
 * "access_token"; in the first three any other one is the end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { LARGEST = 65536, TARGETS = 8, PATIENCE_SECONDS = 60, BLOCK = 1000 };

struct target {
    struct sockaddr_un address;
    char request[LARGEST];
    size_t length;
    int kept; /* its connection, in the mode of that name */
};

static struct target targets[TARGETS];
static int per_thread;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void read_target(struct target *t, const char *path, const char *file) {
    FILE *f = fopen(file, "rb");
    if (!f) fail(file);
    t->length = fread(t->request, 1, LARGEST, f);
    fclose(f);
    t->address.sun_family = AF_UNIX;
    strncpy(t->address.sun_path, path, sizeof t->address.sun_path - 1);
}

/* A full queue says EAGAIN: ask again in a moment, as a client must. */
static int dial(const struct target *t, int flags) {
    long long until = now() + PATIENCE_SECONDS * 1000000000LL;
    for (;;) {
        int s = socket(AF_UNIX, SOCK_STREAM | flags, 0);
        if (s < 0) return -1;
        if (!connect(s, (const struct sockaddr *)&t->address, sizeof t->address)) return s;
        int why = errno;
        close(s);
        if (why != EAGAIN || now() > until) return -1;
        usleep(1000);
    }
}

static int is_token(const char *answer, size_t length) {
    return memmem(answer, length, "access_token", 12) != NULL;
}

/* Reads to the end of the stream; whether it was a token. */
static int read_all(int s) {
    char answer[LARGEST];
    size_t length = 0;
    for (;;) {
        ssize_t got = read(s, answer + length, LARGEST - length);
        if (got <= 0) return got == 0 && is_token(answer, length);
        length += got;
    }
}

static int ask(const struct target *t) {
    int s = dial(t, 0);
    if (s < 0) return 0;
    int good = write(s, t->request, t->length) == (ssize_t)t->length && read_all(s);
    close(s);
    return good;
}

/* Reads one HTTP answer, by its Content-Length. */
static int read_one(int s) {
    char answer[LARGEST + 1];
    size_t length = 0;
    for (;;) {
        ssize_t got = read(s, answer + length, LARGEST - length);
        if (got <= 0) return 0;
        answer[length += got] = 0;
        char *end = strstr(answer, "\r\n\r\n");
        char *said = strcasestr(answer, "content-length: ");
        if (end && said && length >= end + 4 - answer + strtoul(said + 16, NULL, 10))
            return is_token(answer, length);
    }
}

static int ask_kept(struct target *t) {
    return write(t->kept, t->request, t->length) == (ssize_t)t->length && read_one(t->kept);
}

static void take_time(int i, int keep) {
    long long began = now();
    if (!(keep ? ask_kept(&targets[i]) : ask(&targets[i]))) {
        fprintf(stderr, "target %d gave no token\n", i);
        exit(1);
    }
    printf("%d %lld\n", i, now() - began);
}

static void in_turn(int rounds, int block, int count, int keep) {
    for (int i = 0; keep && i < count; i++)
        if ((targets[i].kept = dial(&targets[i], 0)) < 0) fail("connect");
    for (int round = 0; round < rounds; round += block)
        for (int i = 0; i < count; i++)
            for (int n = 0; n < block && round + n < rounds; n++) take_time(i, keep);
}

static void *one_of_a_crowd(void *answered) {
    for (int i = 0; i < per_thread; i++) *(int *)answered += ask(&targets[0]);
    return NULL;
}

static int crowd(int threads, int requests) {
    pthread_t *thread = calloc(threads, sizeof *thread);
    int *answered = calloc(threads, sizeof *answered), sum = 0;
    per_thread = requests / threads;
    for (int i = 0; i < threads; i++)
        if (pthread_create(&thread[i], NULL, one_of_a_crowd, &answered[i])) fail("thread");
    for (int i = 0; i < threads; i++) {
        pthread_join(thread[i], NULL);
        sum += answered[i];
    }
    return sum;
}

static int burst(int connections) {
    struct rlimit files = {connections + 64, connections + 64};
    int *s = calloc(connections, sizeof *s), answered = 0;
    if (setrlimit(RLIMIT_NOFILE, &files)) fail("setrlimit");
    for (int i = 0; i < connections; i++) {
        s[i] = dial(&targets[0], SOCK_NONBLOCK);
        if (s[i] >= 0 && write(s[i], targets[0].request, targets[0].length) < 0) s[i] = -1;
    }
    struct timeval patience = {PATIENCE_SECONDS, 0};
    for (int i = 0; i < connections; i++) {
        if (s[i] < 0) continue;
        int flags = 0;
        setsockopt(s[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (ioctl(s[i], FIONBIO, &flags)) fail("ioctl");
        answered += read_all(s[i]);
        close(s[i]);
    }
    return answered;
}

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    int first = !strcmp(argv[1], "crowd") ? 4 : 3, count = (argc - first) / 2;
    if (count < 1 || count > TARGETS) return 2;
    for (int i = 0; i < count; i++)
        read_target(&targets[i], argv[first + 2 * i], argv[first + 2 * i + 1]);
    int number = atoi(argv[2]);
    long long began = now();
    if (!strcmp(argv[1], "new") || !strcmp(argv[1], "kept"))
        in_turn(number, BLOCK, count, argv[1][0] == 'k');
    else if (!strcmp(argv[1], "cold"))
        in_turn(number, 1, count, 0);
    else if (!strcmp(argv[1], "crowd") || !strcmp(argv[1], "burst")) {
        int answered = first == 4 ? crowd(number, atoi(argv[3])) : burst(number);
        printf("%d %.6f\n", answered, (now() - began) / 1e9);
    } else
        return 2;
    return 0;
}
