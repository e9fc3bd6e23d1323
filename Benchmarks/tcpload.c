// tcpload: closed-loop load on Sluice's TCP listener, with the method of the side-by-side bench's WebSocket
// load: one thread, epoll, a fixed number of messages in flight on each connection, those that come due
// together sent at once. Prints READY, START, STOP as it goes and one JSON object at the end.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_TOKENS = 1024, MAX_MESSAGE = 60000, MAX_DEPTH = 4096 };

typedef struct {
    int fd;
    bool connected, ready, dead;
    uint64_t sent, done;     // messages; a message's sequence is its number from 1 on
    uint64_t *at;            // when each one in flight was sent
    uint8_t *in, *out;       // bytes of an unfinished message; bytes the socket did not take
    size_t in_len, out_len, out_cap;
} connection;

static int port, count = 1, depth = 1, seq_off = -1, seq_size = 8, reply_seq_off = -1;
static int ok_off = -1, ok_value, expect_len = -1;
static double seconds = 5, warm_up = 1;
static uint8_t message[4 + MAX_MESSAGE], input[1 << 18];
static size_t message_len;
static char *tokens[MAX_TOKENS];
static int token_count, epoll_fd, ready, dead;
static bool running, measuring;
static uint64_t messages, all_messages, errors, slots_mask;
static char first_error[128];

// Latency: 32 buckets for each doubling, so that a value is known to about 3 %.
static uint64_t buckets[64 * 32], largest;
static double total;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double cpu_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec)
        + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static _Noreturn void die(const char *what) {
    fprintf(stderr, "tcpload: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void record(uint64_t value) {
    if (value == 0) value = 1;
    unsigned top = 63u - (unsigned)__builtin_clzll(value);
    unsigned part = top >= 5 ? (unsigned)(value >> (top - 5)) & 31u : (unsigned)(value << (5 - top)) & 31u;
    buckets[top * 32 + part]++;
    total += (double)value;
    if (value > largest) largest = value;
}

static double quantile(double share) {
    uint64_t wanted = (uint64_t)((double)messages * share + 0.5), seen = 0;
    for (unsigned i = 0; i < 64 * 32; i++) {
        seen += buckets[i];
        if (seen >= wanted && seen) {
            double low = (double)(1ull << (i / 32));
            return low * (1 + (i % 32 + 0.5) / 32) / 1e3;
        }
    }
    return 0;
}

static void wrong(const char *what) {
    errors++;
    if (!first_error[0]) snprintf(first_error, sizeof first_error, "%s", what);
}

static void give_up(connection *c, const char *why) {
    if (c->dead) return;
    if (c->ready) ready--;
    c->dead = true;
    dead++;
    close(c->fd);
    wrong(why);
}

static void watch(connection *c, bool writing) {
    struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

static void put(connection *c, const uint8_t *bytes, size_t n) {
    while (n && !c->out_len) {
        ssize_t took = send(c->fd, bytes, n, MSG_NOSIGNAL);
        if (took < 0 && errno == EINTR) continue;
        if (took < 0 && errno == EAGAIN) break;
        if (took < 0) return give_up(c, strerror(errno));
        bytes += took;
        n -= (size_t)took;
    }
    if (!n) return;
    if (c->out_len + n > c->out_cap && !(c->out = realloc(c->out, c->out_cap = c->out_len + n))) die("memory");
    memcpy(c->out + c->out_len, bytes, n);
    c->out_len += n;
    watch(c, true);
}

// Sends every message that may go now, in one piece.
static void fill(connection *c, uint64_t now) {
    static uint8_t *batch;
    if (!batch && !(batch = malloc((size_t)depth * message_len))) die("memory");
    size_t n = 0;
    for (; running && c->sent - c->done < (uint64_t)depth; n += message_len) {
        c->at[c->sent & slots_mask] = now;
        c->sent++;
        memcpy(batch + n, message, message_len);
        for (int i = 0; seq_off >= 0 && i < seq_size; i++)
            batch[n + 4 + (size_t)(seq_off + i)] = (uint8_t)(c->sent >> (8 * (seq_size - 1 - i)));
    }
    if (n) put(c, batch, n);
}

static void answered(connection *c, const uint8_t *p, size_t n, uint64_t now) {
    uint64_t number = c->done + 1;
    if (expect_len >= 0 && n != (size_t)expect_len) return wrong("unexpected reply length");
    if (ok_off >= 0 && (n <= (size_t)ok_off || p[ok_off] != ok_value)) return wrong("reply status byte");
    if (reply_seq_off >= 0) {
        number = 0;
        for (int i = 0; i < seq_size && (size_t)(reply_seq_off + i) < n; i++) number = number << 8 | p[reply_seq_off + i];
    }
    // One in flight is at most `depth` before the last that was sent, or its place in `at` is another's.
    if (number == 0 || number > c->sent || c->sent - number > slots_mask) return wrong("a reply nobody asked for");
    c->done++;
    all_messages++;
    if (!measuring) return;
    messages++;
    record(now - c->at[(number - 1) & slots_mask]);
}

// The auth envelope: cmd 1, seq 1, payload AuthRequest {token}.
static void authenticate(connection *c, const char *token) {
    size_t t = strlen(token), n = 4;
    uint8_t frame[9000] = {0};
    if (t > 8000) die("token");
    size_t inner = t + (t < 128 ? 2 : 3);
    frame[n++] = 0x10; frame[n++] = 1; frame[n++] = 0x18; frame[n++] = 1; frame[n++] = 0x7a;
    if (inner >= 128) frame[n++] = (uint8_t)(inner | 128);
    frame[n++] = (uint8_t)(inner >= 128 ? inner >> 7 : inner);
    frame[n++] = 0x0a;
    if (t >= 128) frame[n++] = (uint8_t)(t | 128);
    frame[n++] = (uint8_t)(t >= 128 ? t >> 7 : t);
    memcpy(frame + n, token, t);
    n += t;
    uint32_t length = htonl((uint32_t)(n - 4));
    memcpy(frame, &length, 4);
    put(c, frame, n);
}

// The reply to auth: status (field 4) comes after cmd and seq, and only where it is not 0.
static void admitted(connection *c, const uint8_t *p, size_t n) {
    if (n < 5 || p[0] != 0x10 || p[1] != 1 || p[4] == 0x20) return give_up(c, "not admitted");
    c->ready = true;
    ready++;
}

static void readable(connection *c) {
    if (c->in_len) memcpy(input, c->in, c->in_len);
    ssize_t got = recv(c->fd, input + c->in_len, sizeof input - c->in_len, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return give_up(c, got ? strerror(errno) : "closed by the server");
    size_t n = c->in_len + (size_t)got, at = 0;
    uint64_t now = now_ns();
    while (!c->dead && n - at >= 4) {
        uint32_t length;
        memcpy(&length, input + at, 4);
        length = ntohl(length);
        if (length > MAX_MESSAGE) return give_up(c, "a length that cannot be");
        if (n - at - 4 < length) break;
        if (c->ready) answered(c, input + at + 4, length, now);
        else admitted(c, input + at + 4, length);
        at += 4 + length;
    }
    if (c->dead) return;
    c->in_len = n - at;
    if (c->in_len && !c->in && !(c->in = malloc(4 + MAX_MESSAGE))) die("memory");
    if (c->in_len) memcpy(c->in, input + at, c->in_len);
    if (c->ready) fill(c, now);
}

static void open_one(connection *c) {
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) die("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->at = calloc(slots_mask + 1, sizeof *c->at);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
    if (connect(c->fd, (void *)&to, sizeof to) && errno != EINPROGRESS) die("connect");
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
}

static void writable(connection *c, int number) {
    if (!c->connected) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) return give_up(c, strerror(error));
        c->connected = true;
        watch(c, false);
        return authenticate(c, tokens[number % token_count]);
    }
    size_t n = c->out_len;
    uint8_t *bytes = c->out;
    c->out = NULL;
    c->out_len = c->out_cap = 0;
    watch(c, false);
    put(c, bytes, n);
    free(bytes);
}

static void turn(connection *all, uint64_t until) {
    static struct epoll_event events[1024];
    uint64_t now = now_ns(), left = until > now ? until - now : 0;
    struct timespec wait = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
    int n = epoll_pwait2(epoll_fd, events, 1024, &wait, NULL);
    for (int i = 0; i < n; i++) {
        connection *c = events[i].data.ptr;
        if (!c->dead && events[i].events & EPOLLOUT) writable(c, (int)(c - all));
        if (!c->dead && events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) readable(c);
    }
}

static _Noreturn void usage(void) {
    fprintf(stderr,
        "tcpload ws -p PORT --tokens FILE --payload FILE [options]      (127.0.0.1 only)\n"
        " -c N  connections      -d N  messages in flight on each      -t, -w SECONDS  measured, before it\n"
        " --seq-off N --seq-size 4|8 --reply-seq-off N    a number in each message, by which replies are matched\n"
        " --ok-byte OFF:VAL --expect-len N                what a good reply looks like\n"
        " -P is taken and ignored: the bench gives it to every load\n");
    exit(2);
}

static void options(int argc, char **argv) {
    static const struct option names[] = {
        {"tokens", 1, 0, 1}, {"payload", 1, 0, 2}, {"seq-off", 1, 0, 3}, {"seq-size", 1, 0, 4},
        {"reply-seq-off", 1, 0, 5}, {"ok-byte", 1, 0, 6}, {"expect-len", 1, 0, 7}, {0, 0, 0, 0}};
    if (argc < 2 || strcmp(argv[1], "ws")) usage();
    optind = 2;
    for (int key; (key = getopt_long(argc, argv, "p:c:d:t:w:P:", names, NULL)) != -1;) {
        FILE *file = key == 1 || key == 2 ? fopen(optarg, "rb") : NULL;
        if ((key == 1 || key == 2) && !file) die(optarg);
        switch (key) {
        case 'p': port = atoi(optarg); break;
        case 'c': count = atoi(optarg); break;
        case 'd': depth = atoi(optarg); break;
        case 't': seconds = atof(optarg); break;
        case 'w': warm_up = atof(optarg); break;
        case 'P': break;
        case 1:
            for (char line[9000]; token_count < MAX_TOKENS && fgets(line, sizeof line, file);) {
                line[strcspn(line, "\r\n")] = 0;
                tokens[token_count++] = strdup(line);
            }
            break;
        case 2: message_len = fread(message + 4, 1, MAX_MESSAGE, file); break;
        case 3: seq_off = atoi(optarg); break;
        case 4: seq_size = atoi(optarg); break;
        case 5: reply_seq_off = atoi(optarg); break;
        case 6: if (sscanf(optarg, "%d:%d", &ok_off, &ok_value) != 2) usage(); break;
        case 7: expect_len = atoi(optarg); break;
        default: usage();
        }
        if (file) fclose(file);
    }
    if (!port || !token_count || !message_len || count < 1 || depth < 1 || depth > MAX_DEPTH
        || (seq_size != 4 && seq_size != 8) || (seq_off >= 0 && (size_t)(seq_off + seq_size) > message_len)) usage();
    uint32_t length = htonl((uint32_t)message_len);
    memcpy(message, &length, 4);
    message_len += 4;
    slots_mask = 1;
    while (slots_mask < (uint64_t)depth * 2) slots_mask <<= 1;
    slots_mask--;
}

int main(int argc, char **argv) {
    options(argc, argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    connection *all = calloc((size_t)count, sizeof *all);
    uint64_t began = now_ns(), give_up_at = began + 60000000000u;
    for (int opened = 0; ready + dead < count && now_ns() < give_up_at;) {
        while (opened < count && opened - ready - dead < 256) open_one(&all[opened++]);
        turn(all, now_ns() + 50000000);
    }
    double connecting = (double)(now_ns() - began) / 1e9;
    printf("READY %d %d %.3f\n", ready, dead, connecting);
    if (first_error[0]) fprintf(stderr, "tcpload: %s\n", first_error);
    if (ready < count) return 1;

    running = true;
    uint64_t from = now_ns() + (uint64_t)(warm_up * 1e9);
    for (int i = 0; i < count; i++) fill(&all[i], now_ns());
    while (now_ns() < from) turn(all, from);
    measuring = true;
    uint64_t start = now_ns(), to = start + (uint64_t)(seconds * 1e9);
    double cpu = cpu_seconds();
    printf("START\n");
    while (now_ns() < to && ready) turn(all, to);
    uint64_t end = now_ns();
    cpu = cpu_seconds() - cpu;
    printf("STOP\n");
    double took = (double)(end - start) / 1e9;
    printf("{\"mode\":\"tcp\",\"connections\":%d,\"dead\":%d,\"connect_s\":%.3f,\"secs\":%.4f,\"count\":%llu,\"all\":%llu,"
           "\"per_s\":%.1f,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,\"mean_us\":%.1f,"
           "\"errors\":%llu,\"client_cpu_s\":%.4f,\"first_error\":\"%s\"}\n",
           ready, dead, connecting, took, (unsigned long long)messages, (unsigned long long)all_messages,
           (double)messages / took, quantile(.5), quantile(.9), quantile(.99), quantile(.999), (double)largest / 1e3,
           messages ? total / (double)messages / 1e3 : 0, (unsigned long long)errors, cpu, first_error);
    return errors || dead ? 1 : 0;
}
