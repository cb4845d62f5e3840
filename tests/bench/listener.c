/* Takes the audio of many calls at once, and speaks silence to each as a telephone does.
 *
 *   listener STREAMS FOLDER
 *
 * Prints the port of every stream, one a line. At the end of stdin it writes `gaps` (microseconds
 * between packets of one stream, as the kernel saw them come, 32 bits each) and the payload of every
 * stream (`0.ulaw`, …), and prints "packets lost" of each. In C, since a program in Python has not
 * the breath for 10,000 packets a second, and would be measured with what it listens to.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define HEADER 12
#define PAYLOAD 160
#define MOST_PACKETS 6000 /* two minutes */
#define SLOTS 4           /* silence goes out every 5 ms, to a quarter of the streams */
#define SLOT_NS 5000000

struct stream {
    int socket;
    struct sockaddr_in peer;
    int has_peer, packets;
    uint16_t first, latest;
    int span; /* how many packets ought to have come */
    uint16_t sequence;
    uint32_t timestamp;
    int64_t came_ns;
    uint8_t *heard;
};

static struct stream *streams;
static uint32_t *gaps;
static size_t gap_count, gap_room;

static void note_gap(int64_t ns)
{
    if (gap_count == gap_room) {
        gap_room = gap_room ? 2 * gap_room : 65536;
        gaps = realloc(gaps, gap_room * sizeof *gaps);
    }
    gaps[gap_count++] = ns / 1000;
}

static int64_t arrival_ns(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
            struct timespec at;
            memcpy(&at, CMSG_DATA(c), sizeof at);
            return at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
        }
    return 0;
}

static void take(struct stream *s, const uint8_t *packet, ssize_t size, int64_t at_ns)
{
    if (size != HEADER + PAYLOAD || (packet[1] & 0x7f) != 0 || s->packets == MOST_PACKETS)
        return;
    uint16_t sequence = packet[2] << 8 | packet[3];
    if (s->packets == 0)
        s->first = s->latest = sequence, s->span = 1;
    else {
        note_gap(at_ns - s->came_ns);
        int16_t ahead = sequence - s->latest;
        if (ahead > 0)
            s->span += ahead, s->latest = sequence;
    }
    memcpy(s->heard + (size_t)s->packets++ * PAYLOAD, packet + HEADER, PAYLOAD);
    s->came_ns = at_ns;
}

static void receive(struct stream *s)
{
    uint8_t packet[2048], control[256];
    for (;;) {
        struct iovec part = {packet, sizeof packet};
        struct msghdr message = {&s->peer, sizeof s->peer, &part, 1, control, sizeof control, 0};
        ssize_t size = recvmsg(s->socket, &message, MSG_DONTWAIT);
        if (size < 0)
            return;
        s->has_peer = 1;
        take(s, packet, size, arrival_ns(&message));
    }
}

static void speak(struct stream *s)
{
    uint8_t packet[HEADER + PAYLOAD] = {0x80, 0};
    uint16_t sequence = htons(++s->sequence);
    uint32_t timestamp = htonl(s->timestamp += PAYLOAD), source = htonl(s - streams + 1);
    memcpy(packet + 2, &sequence, 2);
    memcpy(packet + 4, &timestamp, 4);
    memcpy(packet + 8, &source, 4);
    memset(packet + HEADER, 0xff, PAYLOAD);
    sendto(s->socket, packet, sizeof packet, 0, (void *)&s->peer, sizeof s->peer);
}

static void open_stream(struct stream *s, int epoll)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof here;
    int on = 1, room = 1 << 20;
    s->socket = socket(AF_INET, SOCK_DGRAM, 0);
    s->heard = malloc((size_t)MOST_PACKETS * PAYLOAD);
    setsockopt(s->socket, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    setsockopt(s->socket, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (bind(s->socket, (void *)&here, sizeof here) ||
        getsockname(s->socket, (void *)&here, &size))
        exit(1);
    printf("%d\n", ntohs(here.sin_port));
    struct epoll_event event = {EPOLLIN, {.ptr = s}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, s->socket, &event);
}

static void report(int count)
{
    char name[32];
    FILE *file = fopen("gaps", "wb");
    fwrite(gaps, sizeof *gaps, gap_count, file);
    fclose(file);
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%d.ulaw", i);
        file = fopen(name, "wb");
        fwrite(streams[i].heard, PAYLOAD, streams[i].packets, file);
        fclose(file);
        printf("%d %d\n", streams[i].packets, streams[i].span - streams[i].packets);
    }
}

int main(int argc, char **argv)
{
    int count = argc == 3 ? atoi(argv[1]) : 0, slot = 0;
    if (count < 1 || chdir(argv[2]))
        return 2;
    int epoll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec every = {{0, SLOT_NS}, {0, SLOT_NS}};
    timerfd_settime(timer, 0, &every, NULL);
    struct epoll_event tick = {EPOLLIN, {.ptr = &timer}}, input = {EPOLLIN, {.ptr = &epoll}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &tick);
    epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input);
    streams = calloc(count, sizeof *streams);
    for (int i = 0; i < count; i++)
        open_stream(&streams[i], epoll);
    fflush(stdout);
    for (;;) {
        struct epoll_event events[64];
        int ready = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr == &epoll) {
                report(count);
                return 0;
            }
            if (events[i].data.ptr != &timer) {
                receive(events[i].data.ptr);
                continue;
            }
            uint64_t times;
            if (read(timer, &times, sizeof times) < 0)
                return 1;
            slot = (slot + 1) % SLOTS;
            for (int j = slot; j < count; j += SLOTS)
                if (streams[j].has_peer)
                    speak(&streams[j]);
        }
    }
}
