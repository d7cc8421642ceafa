/* The least that any server can do: accept, read once, write that back, close.
 *
 *   echo SOCKET      says "ready" when it listens
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char bytes[65536];
    if (argc != 2) return 2;
    strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
    int listening = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listening, (struct sockaddr *)&address, sizeof address)) return 1;
    if (listen(listening, 4096)) return 1;
    puts("ready");
    fflush(stdout);
    for (;;) {
        int peer = accept(listening, NULL, NULL);
        ssize_t got = read(peer, bytes, sizeof bytes);
        if (got > 0 && write(peer, bytes, got) != got) return 1;
        close(peer);
    }
}
