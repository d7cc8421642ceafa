"""Listens as the person, looks at whoever connects, and says what is known of them.

    looker.py SOCKET

A line on its input has it look at the newest peer; its answer is one line of JSON.
"""

import json
import socket
import sys

import msgspec

from broker.host.peer_facts import PeerLooker
from broker.host.process import harden
from broker.host.sockets import peer_of


def main() -> None:
    """Serve until the input ends."""
    harden()  # as the daemon is
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(sys.argv[1])
    listening.listen()
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    accepted: socket.socket | None = None
    for line in sys.stdin:
        if line == "accept\n" or accepted is None:
            accepted, _ = listening.accept()
        facts = PeerLooker().look(accepted, peer_of(accepted))
        sys.stdout.write(json.dumps(msgspec.to_builtins(facts)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
