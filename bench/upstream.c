/* An upstream that looks like OpenAI and is never the slowest: one thread, epoll, answers rendered once and kept.
 *
 *   request ─▶ model name ─▶ answer: bytes with cuts ─▶ sent up to a cut, the next one when it is due
 *
 *   kb-N          a whole JSON of N * 1024 bytes      burst-N       a stream of N chunks in one burst
 *   think-Nms     1 KB after N ms                     paced-N-Mms   a stream of N chunks, M ms apart
 *   fail          always 500                          hold          a stream that says one word and stays open
 *
 * upstream PORT (0: any) prints the port that it listens on, and dies with whoever started it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ANSWERS = 64, MAX_CHUNKS = 10000, MAX_KB = 16384, MAX_REQUEST = 8 << 20, FIRST_BUFFER = 4096, EVENTS = 256 };
#define NEVER INT64_MAX
#define CREATED 1735689600L
#define CHUNK "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":%ld,\"model\":\"%s\","

typedef struct { char *bytes; size_t length, room; } Text;

/* What a model answers: bytes, sent up to cuts[0] after `think`, up to the next cut each `pause` later (ns). */
typedef struct {
  char key[96];
  Text text;
  size_t cuts[MAX_CHUNKS + 1];
  int cut_count;
  int64_t think, pause;
} Answer;

typedef struct Connection {
  int fd;
  bool writing, closing;
  char *in;
  size_t in_length, in_room;
  const Answer *answer;
  size_t sent;
  int cut;
  int64_t due; /* 0: waits for no time */
  struct Connection *earlier, *later;
} Connection;

static Answer *answers[MAX_ANSWERS];
static int answer_count, poller, clock_fd;
static Connection *soonest, *latest; /* those that wait, by time */

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void die(const char *what) { perror(what), exit(1); }

/* ---- text */

static void add_bytes(Text *text, const char *bytes, size_t length) {
  while (text->length + length + 1 > text->room) {
    text->room = text->room ? text->room * 2 : 1024;
    if (!(text->bytes = realloc(text->bytes, text->room))) die("realloc");
  }
  memcpy(text->bytes + text->length, bytes, length);
  text->bytes[text->length += length] = 0;
}

__attribute__((format(printf, 2, 3))) static void add(Text *text, const char *format, ...) {
  char line[1024];
  va_list values;
  va_start(values, format);
  int length = vsnprintf(line, sizeof line, format, values);
  va_end(values);
  add_bytes(text, line, (size_t)length);
}

/* ---- answers */

static void add_whole(Answer *answer, const char *status, const Text *body) {
  add(&answer->text, "HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n", status, body->length);
  add_bytes(&answer->text, body->bytes, body->length);
  answer->cuts[answer->cut_count++] = answer->text.length;
}

static void render_error(Answer *answer, const char *status, const char *message) {
  Text body = {0};
  add(&body, "{\"error\":{\"message\":\"%s\",\"type\":\"server_error\",\"param\":null,\"code\":null}}", message);
  add_whole(answer, status, &body);
  free(body.bytes);
}

static void render_reply(Answer *answer, const char *model, size_t size) {
  const char *words = "word after word ";
  const char *tail = "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
                     "\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":100,\"total_tokens\":300}}";
  Text body = {0};
  add(&body,
      "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":%ld,\"model\":\"%s\","
      "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"",
      CREATED, model);
  for (size_t i = 0; body.length + strlen(tail) < size; i++) add_bytes(&body, words + i % 16, 1);
  add_bytes(&body, tail, strlen(tail));
  add_whole(answer, "200 OK", &body);
  free(body.bytes);
}

static void add_event(Text *text, const char *data) {
  add(text, "%zx\r\ndata: ", strlen(data) + 8);
  add_bytes(text, data, strlen(data));
  add(text, "\n\n\r\n");
}

static void add_delta(Text *text, const char *model, const char *delta, const char *finish) {
  char data[512];
  snprintf(data, sizeof data, CHUNK "\"choices\":[{\"index\":0,\"delta\":{%s},\"logprobs\":null,\"finish_reason\":%s}]}", CREATED,
           model, delta, finish);
  add_event(text, data);
}

static void render_stream(Answer *answer, const char *model, int chunks, bool usage) {
  Text *text = &answer->text;
  char delta[64], data[512];
  add(text, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n");
  add_delta(text, model, "\"role\":\"assistant\",\"content\":\"\"", "null");
  for (int i = 0; i < chunks; i++) {
    snprintf(delta, sizeof delta, "\"content\":\"word%d \"", i);
    add_delta(text, model, delta, "null");
    answer->cuts[answer->cut_count++] = text->length;
  }
  add_delta(text, model, "", "\"stop\"");
  snprintf(data, sizeof data, CHUNK "\"choices\":[],\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":%d,\"total_tokens\":%d}}",
           CREATED, model, chunks, chunks + 200);
  if (usage) add_event(text, data);
  add_event(text, "[DONE]");
  add(text, "0\r\n\r\n");
  answer->cuts[answer->cut_count - 1] = text->length;
}

static void render(Answer *answer, const char *model, bool stream, bool usage) {
  int count = 0, ms = 0, chunks = 50, kb = 1;
  bool burst = false;
  if (sscanf(model, "kb-%d", &count) == 1 && count > 0 && count <= MAX_KB) kb = count;
  else if (sscanf(model, "burst-%d", &count) == 1 && count > 0 && count <= MAX_CHUNKS) chunks = count, burst = true;
  else if (sscanf(model, "paced-%d-%dms", &count, &ms) == 2 && count > 0 && count <= MAX_CHUNKS)
    chunks = count, answer->pause = ms * 1000000LL;
  else if (sscanf(model, "think-%dms", &ms) == 1) answer->think = ms * 1000000LL;
  else if (!strcmp(model, "hold")) chunks = 2, answer->pause = NEVER;
  else if (!strcmp(model, "fail")) { render_error(answer, "500 Internal Server Error", "fails always"); return; }
  else { render_error(answer, "404 Not Found", "no such model"); return; }
  if (!stream) { render_reply(answer, model, (size_t)kb * 1024); return; }
  render_stream(answer, model, chunks, usage);
  if (burst || !answer->pause) answer->cuts[0] = answer->text.length, answer->cut_count = 1;
}

static const Answer *answer_to(const char *model, bool stream, bool usage) {
  char key[96];
  snprintf(key, sizeof key, "%d%d%s", stream, usage, model);
  for (int i = 0; i < answer_count; i++)
    if (!strcmp(answers[i]->key, key)) return answers[i];
  if (answer_count == MAX_ANSWERS) return answers[0];
  Answer *made = calloc(1, sizeof *made);
  if (!made) die("calloc");
  strcpy(made->key, key);
  render(made, model, stream, usage);
  return answers[answer_count++] = made;
}

/* ---- requests */

/* What follows `"name"` and its colon in the body. */
static const char *value_of(const char *body, size_t length, const char *name) {
  const char *at = memmem(body, length, name, strlen(name));
  return at ? at + strlen(name) + strspn(at + strlen(name), " \t\r\n:") : "";
}

static const Answer *understood(const char *head, const char *body, size_t length) {
  char model[64];
  if (!strncmp(head, "GET ", 4)) return answer_to("kb-1", false, false);
  const char *line_end = strstr(head, "\r\n"), *path_end = memmem(head, (size_t)(line_end - head), "/chat/completions", 17);
  if (!path_end || sscanf(value_of(body, length, "\"model\""), "\"%63[A-Za-z0-9./_-]\"", model) != 1)
    return answer_to("?", false, false);
  const char *name = strrchr(model, '/');
  bool stream = *value_of(body, length, "\"stream\"") == 't', usage = *value_of(body, length, "\"include_usage\"") == 't';
  return answer_to(name ? name + 1 : model, stream, usage);
}

/* How much of what follows the head is the body; -1 while that is not all there. */
static ssize_t body_length(const char *head, const char *body, size_t there) {
  const char *said = strcasestr(head, "\r\ncontent-length:"), *end;
  size_t length = said ? strtoul(said + 17, NULL, 10) : 0;
  if (said) return there >= length ? (ssize_t)length : -1;
  if (!strcasestr(head, "\r\ntransfer-encoding: chunked")) return 0;
  end = memmem(body, there, "0\r\n\r\n", 5);
  return end ? end + 5 - body : -1;
}

/* ---- time */

static void wait_no_more(Connection *c) {
  if (!c->due) return;
  *(c->earlier ? &c->earlier->later : &soonest) = c->later;
  *(c->later ? &c->later->earlier : &latest) = c->earlier;
  c->due = 0;
}

static void set_clock(void) {
  int64_t at = soonest ? soonest->due : 0;
  struct itimerspec when = {.it_value = {at / 1000000000LL, at % 1000000000LL}};
  timerfd_settime(clock_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void wait_until(Connection *c, int64_t due) {
  Connection *before = latest;
  while (before && before->due > due) before = before->earlier;
  c->due = due;
  c->earlier = before;
  c->later = before ? before->later : soonest;
  *(before ? &before->later : &soonest) = c;
  *(c->later ? &c->later->earlier : &latest) = c;
  if (soonest == c) set_clock();
}

/* ---- connections */

static void hang_up(Connection *c) {
  wait_no_more(c);
  close(c->fd);
  free(c->in);
  free(c);
}

static void watch(Connection *c, bool writing) {
  if (c->writing == writing) return;
  c->writing = writing;
  struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
}

/* Send up to the cut; true when the connection can go on. */
static bool send_some(Connection *c) {
  const Answer *answer = c->answer;
  while (c->sent < answer->cuts[c->cut]) {
    ssize_t n = send(c->fd, answer->text.bytes + c->sent, answer->cuts[c->cut] - c->sent, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN && (watch(c, true), true);
    c->sent += (size_t)n;
  }
  watch(c, false);
  if (++c->cut == answer->cut_count) c->answer = NULL;
  else if (answer->pause != NEVER) wait_until(c, now() + answer->pause);
  else c->cut = answer->cut_count; /* held open: only the other side ends it */
  return c->answer || !c->closing;
}

/* Answer what has come, one request after the other; true when the connection can go on. */
static bool answer_all(Connection *c) {
  while (!c->answer && c->in_length) {
    char *body = memmem(c->in, c->in_length, "\r\n\r\n", 4);
    if (!body) return c->in_length < MAX_REQUEST;
    body += 4;
    body[-1] = 0; /* ends the head for searches */
    ssize_t length = body_length(c->in, body, c->in_length - (size_t)(body - c->in));
    if (length < 0) return body[-1] = '\n', c->in_length < MAX_REQUEST;
    c->answer = understood(c->in, body, (size_t)length);
    c->closing = strcasestr(c->in, "\r\nconnection: close");
    c->in_length -= (size_t)(body + length - c->in);
    memmove(c->in, body + length, c->in_length);
    c->sent = 0, c->cut = 0;
    if (c->answer->think) wait_until(c, now() + c->answer->think);
    else if (!send_some(c)) return false;
  }
  return true;
}

static bool read_some(Connection *c) {
  if (c->in_room == c->in_length && !(c->in = realloc(c->in, c->in_room *= 2))) die("realloc");
  ssize_t n = recv(c->fd, c->in + c->in_length, c->in_room - c->in_length, 0);
  if (n <= 0) return n < 0 && errno == EAGAIN;
  c->in_length += (size_t)n;
  return answer_all(c);
}

static void ready(Connection *c, uint32_t events) {
  bool alive = !(events & EPOLLERR);
  if (alive && events & EPOLLOUT) alive = !c->answer || (send_some(c) && answer_all(c));
  if (alive && events & (EPOLLIN | EPOLLHUP)) alive = read_some(c);
  if (!alive) hang_up(c);
}

static void ring(void) {
  uint64_t times;
  if (read(clock_fd, &times, sizeof times) < 0 && errno != EAGAIN) die("timerfd");
  for (int64_t at = now(); soonest && soonest->due <= at;) {
    Connection *c = soonest;
    wait_no_more(c);
    if (!send_some(c) || !answer_all(c)) hang_up(c);
  }
  set_clock();
}

static void welcome(int listener) {
  for (int fd, on = 1; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    Connection *c = calloc(1, sizeof *c);
    if (!c || !(c->in = malloc(c->in_room = FIRST_BUFFER))) die("malloc");
    c->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  }
}

static int listen_on(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&at, size) || listen(fd, 4096)) die("listen");
  getsockname(fd, (struct sockaddr *)&at, &size);
  printf("%d\n", ntohs(at.sin_port));
  fflush(stdout);
  return fd;
}

int main(int argc, char **argv) {
  struct epoll_event events[EVENTS], event = {.events = EPOLLIN};
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_TIMERSLACK, 1UL);
  int listener = listen_on(argc > 1 ? atoi(argv[1]) : 0);
  poller = epoll_create1(EPOLL_CLOEXEC);
  clock_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  event.data.ptr = &listener;
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
  event.data.ptr = &clock_fd;
  epoll_ctl(poller, EPOLL_CTL_ADD, clock_fd, &event);
  for (;;) {
    int count = epoll_wait(poller, events, EVENTS, -1);
    bool rang = false;
    for (int i = 0; i < count; i++) {
      if (events[i].data.ptr == &listener) welcome(listener);
      else if (events[i].data.ptr == &clock_fd) rang = true;
      else ready(events[i].data.ptr, events[i].events);
    }
    if (rang) ring(); /* last, since it may hang up on connections that had events */
  }
}
